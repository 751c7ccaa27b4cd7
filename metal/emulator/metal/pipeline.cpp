// MTLComputePipelineState.
#include "pipeline.h"

#include <string.h>

#include "../runtime/diagnose.h"
#include "../runtime/launch.h"
#include "faults.h"

namespace emulator {
namespace {

Unsigned max_threads(Pipeline *self, Selector) {
  const uint32_t limit = self->function->kernel.max_threads;
  return limit ? limit : MAX_LANES;
}
Unsigned execution_width(Pipeline *, Selector) { return SIMDGROUP_LANES; }

[[maybe_unused]] Class &defined = Pipeline::objc_class();

} // namespace

Class &Pipeline::objc_class() {
  static Class &made = define_class(
      "MTLComputePipelineState", object_class(),
      {method("maxTotalThreadsPerThreadgroup", max_threads), method("threadExecutionWidth", execution_width)});
  return made;
}

Pipeline *new_pipeline(Function *function, Error **error) {
  if (!function) fail("newComputePipelineStateWithFunction:error: was given no function");
  if (pipeline_fails(function->kernel.name)) {
    set_error(error, PIPELINE_ERRORS, compile_failure, "Compiler encountered an internal error");
    return nullptr;
  }
  return make<Pipeline>(function);
}

void specialize(const Pipeline &pipeline) {
  const ConstantValues &values = pipeline.function->constants;
  for (const FunctionConstant *constant : pipeline.function->module.constants) {
    const auto value = values.find(constant->index);
    *constant->is_set = value != values.end();
    if (*constant->is_set)
      memcpy(constant->value, value->second.data(), constant->bytes);
    else
      memset(constant->value, 0, constant->bytes);
  }
}

} // namespace emulator
