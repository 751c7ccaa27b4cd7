#pragma once

#include "../objc/object.h"
#include "error.h"
#include "library.h"

namespace emulator {

class Pipeline : public Object {
public:
  static Class &objc_class();
  explicit Pipeline(Function *function) : function(function) {}

  const Reference<Function> function;
};

// -[MTLDevice newComputePipelineStateWithFunction:error:]
Pipeline *new_pipeline(Function *function, Error **error);

// Gives the module's function constants the values that the pipeline was made with, for the next launch.
void specialize(const Pipeline &pipeline);

} // namespace emulator
