#include "pipelines.h"

#include "files.h"
#include "machine.h"

#include "../../kernels/abi/abi.h"
#include "../../kernels/abi/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace cider::metal {

namespace {

// Lanes that the kernels' simdgroups have.
constexpr UInteger simdgroup_width = 32;

void make(Machine &machine, Pipeline &pipeline, const char *cache) {
  const Library &library = find_library(machine, pipeline.library, cache);
  if (library.object == nullptr) {
    snprintf(pipeline.problem, sizeof pipeline.problem, "%s", library.problem);
    return;
  }
  const Pool pool;
  const Owned function(send<id, id>(library.object, &Selectors::new_function, string_of(pipeline.name)));
  if (function.get() == nullptr) {
    snprintf(pipeline.problem, sizeof pipeline.problem, "the library %s has no kernel %s",
             library_text(pipeline.library), pipeline.name);
    return;
  }
  id error = nullptr;
  pipeline.object = send<id, id, id *>(machine.device, &Selectors::new_pipeline, function.get(), &error);
  if (pipeline.object == nullptr) {
    Text words, what, log_name;
    append_error(words, error);
    what.format("Metal makes no pipeline of the kernel %s", pipeline.name);
    log_name.format("metal-%s-pipeline.log", pipeline.name);
    describe_problem(pipeline.problem, sizeof pipeline.problem, what.words(), words, cache, log_name.words());
    return;
  }
  pipeline.max_threads = send<UInteger>(pipeline.object, &Selectors::max_total_threads);
  pipeline.width = send<UInteger>(pipeline.object, &Selectors::thread_execution_width);
}

} // namespace

const Pipeline *PipelineCache::find(Machine &machine, LibraryName library, const char *name, const char *cache) {
  for (uint32_t i = 0; i < count_; i++) {
    const Pipeline &pipeline = *pipelines_[i];
    if (pipeline.library == library && strcmp(pipeline.name, name) == 0) return &pipeline;
  }
  auto *created = count_ == capacity ? nullptr : static_cast<Pipeline *>(calloc(1, sizeof(Pipeline)));
  if (created == nullptr) return nullptr;
  created->library = library;
  created->name = name;
  make(machine, *created, cache);
  pipelines_[count_++] = created;
  return created;
}

void PipelineCache::clear() {
  for (uint32_t i = 0; i < count_; i++) {
    release(pipelines_[i]->object);
    free(pipelines_[i]);
  }
  count_ = 0;
}

namespace {

const Pipeline *find_pipeline(Machine &machine, const Kernel &kernel, const char *cache) {
  pthread_mutex_lock(&machine.mutex);
  const Pipeline *found = machine.pipelines.find(machine, kernel.library, kernel.name, cache);
  pthread_mutex_unlock(&machine.mutex);
  return found;
}

bool has_threads(const Pipeline &pipeline, const Kernel &kernel) {
  return pipeline.width == simdgroup_width && pipeline.max_threads >= kernel.threads;
}

} // namespace

bool can_run(Machine &machine, const Kernel &kernel, const char *cache) {
  const Pipeline *found = find_pipeline(machine, kernel, cache);
  return found != nullptr && found->object != nullptr && has_threads(*found, kernel);
}

int require_pipeline(Machine &machine, const Kernel &kernel, const char *cache, id *pipeline) {
  const Pipeline *found = find_pipeline(machine, kernel, cache);
  if (found == nullptr) return fail(CIDER_OUT_OF_MEMORY, "no memory for the kernel %s", kernel.name);
  if (found->object == nullptr) return fail(CIDER_UNAVAILABLE, "%s", found->problem);
  if (!has_threads(*found, kernel)) {
    return fail(CIDER_UNAVAILABLE, "the kernel %s needs %u threads in simdgroups of %lu, Metal gives it %lu in %lu",
                kernel.name, kernel.threads, simdgroup_width, found->max_threads, found->width);
  }
  *pipeline = found->object;
  return CIDER_OK;
}

} // namespace cider::metal
