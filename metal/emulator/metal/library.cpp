// MTLLibrary and MTLFunction.
#include "library.h"

#include "../runtime/diagnose.h"
#include "collections.h"
#include "faults.h"
#include "string.h"
#include "translation.h"

namespace emulator {
namespace {

Function *function_of(Library *library, String *name, ConstantValues constants) {
  const Kernel *kernel = library->module.find(text_of(name));
  return kernel ? make<Function>(library->module, *kernel, std::move(constants)) : nullptr;
}

Function *new_function(Library *self, Selector, String *name) { return function_of(self, name, {}); }

// Values for indices that the library does not have are no error, as with Metal.
bool fit(const Module &module, const ConstantValues &values, std::string &why) {
  for (const FunctionConstant *constant : module.constants) {
    const auto value = values.find(constant->index);
    if (value == values.end() || value->second.size() == constant->bytes) continue;
    why = "function constant " + std::string(constant->name) + " has " + std::to_string(constant->bytes) +
          " bytes, the value " + std::to_string(value->second.size());
    return false;
  }
  return true;
}

Function *new_function_with_constants(Library *self, Selector, String *name, FunctionConstantValues *values,
                                      Error **error) {
  std::string why;
  if (!fit(self->module, values->values, why)) {
    set_error(error, LIBRARY_ERRORS, compile_failure, why);
    return nullptr;
  }
  Function *function = function_of(self, name, values->values);
  if (!function) {
    set_error(error, LIBRARY_ERRORS, function_not_found, "Function " + text_of(name) + " was not found in the library");
  }
  return function;
}

Array *function_names(Library *self, Selector) {
  auto *names = make<Array>();
  for (const Kernel *kernel : self->module.kernels) names->elements.emplace_back(string(kernel->name));
  return autoreleased(names);
}

String *function_name(Function *self, Selector) { return string(self->kernel.name); }

// Empty if the system has that version of the language.
std::string refusal_of(Version language) {
  struct Row {
    Version language, os;
  };
  static constexpr Row rows[] = {{{3, 1}, {14, 0}}, {{3, 2}, {15, 0}}, {{4, 0}, {26, 0}}, {{4, 1}, {27, 0}}};
  for (const Row &row : rows) {
    if (row.language == language && environment().os >= row.os) return "";
  }
  return "compiler: language version " + std::to_string(language.major) + "." + std::to_string(language.minor) +
         " is not supported on this OS";
}

[[maybe_unused]] Class &library = Library::objc_class(), &function = Function::objc_class();

} // namespace

Class &Library::objc_class() {
  static Class &made =
      define_class("MTLLibrary", object_class(),
                   {method("newFunctionWithName:", new_function), method("functionNames", function_names),
                    method("newFunctionWithName:constantValues:error:", new_function_with_constants)});
  return made;
}

Class &Function::objc_class() {
  static Class &made = define_class("MTLFunction", object_class(), {method("name", function_name)});
  return made;
}

Library *new_library(const std::string &source, const CompileSettings &settings, Error **error) {
  const std::string refusal = refusal_of(settings.language);
  if (!refusal.empty()) {
    set_error(error, LIBRARY_ERRORS, unsupported, refusal);
    return nullptr;
  }
  if (compile_fails(source)) {
    set_error(error, LIBRARY_ERRORS, compile_failure,
              "program_source:1:1: error: this source fails, as CIDER_EMULATOR_FAIL asks\n1 error generated.\n");
    return nullptr;
  }
  const Translation translation = translate(source, settings);
  if (translation.file.empty()) {
    set_error(error, LIBRARY_ERRORS, compile_failure, translation.messages);
    return nullptr;
  }
  std::string why;
  const Module *module = load_module(translation.file, why);
  if (!module) fail("%s was translated but cannot be loaded: %s", translation.file.c_str(), why.c_str());
  // Warnings set the error although there is a library: a host must look at the library.
  if (!translation.messages.empty()) set_error(error, LIBRARY_ERRORS, compile_warning, translation.messages);
  return make<Library>(*module);
}

} // namespace emulator
