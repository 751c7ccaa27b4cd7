#include "commands.h"

#include "../../kernels/abi/abi.h"

#include <stdio.h>
#include <string.h>

namespace cider::metal {

namespace {

// The system ends a command buffer that keeps the GPU for seconds, and after a few of them the process's use of it.
// This much work takes milliseconds on units for matrices and some tenths of a second where there are none.
constexpr double max_work = 0x1p36;
// So that the GPU starts on the first operations while the next are still being asked for.
constexpr uint32_t max_launches = 64;

// Of MTLCommandBufferStatus; 5 is an error.
constexpr UInteger status_completed = 4;
constexpr UInteger status_error = 5;

} // namespace

int Commands::open(const Machine &machine, ErrorText &error) {
  error_ = error;
  queue_ = send<id>(machine.device, &Selectors::new_command_queue);
  return queue_ != nullptr ? CIDER_OK : fail(CIDER_OUT_OF_MEMORY, "open: Metal makes no command queue");
}

void Commands::close() {
  if (queue_ == nullptr) return;
  finish();
  release(queue_);
  queue_ = nullptr;
}

int Commands::begin() {
  if (encoder_ != nullptr) return CIDER_OK;
  id buffer = send<id>(queue_, &Selectors::command_buffer);
  id encoder = buffer == nullptr ? nullptr : send<id>(buffer, &Selectors::compute_command_encoder);
  if (encoder == nullptr) return fail(CIDER_OUT_OF_MEMORY, "Metal makes no command buffer");
  buffer_ = retain(buffer);
  encoder_ = retain(encoder);
  return CIDER_OK;
}

int Commands::launch(const Launch &launch) {
  TRY(report_failure());
  const Pool pool;
  TRY(begin());
  send<void, id>(encoder_, &Selectors::set_pipeline, launch.pipeline);
  for (uint32_t i = 0; i < launch.argument_count; i++) {
    const Argument &argument = launch.arguments[i];
    if (argument.bytes != nullptr) {
      send<void, const void *, UInteger, UInteger>(encoder_, &Selectors::set_bytes, argument.bytes, argument.length, i);
    } else if (argument.buffer != nullptr) {
      send<void, id, UInteger, UInteger>(encoder_, &Selectors::set_buffer, argument.buffer, argument.offset, i);
    }
  }
  const Size threads = {launch.threads, 1, 1};
  send<void, Size, Size>(encoder_, &Selectors::dispatch, launch.groups, threads);
  work_ += launch.work;
  if (++launches_ >= max_launches || work_ >= max_work) hand_over();
  return CIDER_OK;
}

void Commands::hand_over() {
  if (encoder_ == nullptr) return;
  const Pool pool;
  send<void>(encoder_, &Selectors::end_encoding);
  release(encoder_);
  encoder_ = nullptr;
  finish_done();
  if (running_count_ == max_running) finish_oldest();
  send<void>(buffer_, &Selectors::commit);
  running_[running_count_++] = buffer_;
  buffer_ = nullptr;
  launches_ = 0;
  work_ = 0;
  handed_over_++;
}

// Waits for the command buffer that was handed over first, and looks at how it went.
void Commands::finish_oldest() {
  const Pool pool;
  id buffer = running_[0];
  send<void>(buffer, &Selectors::wait_until_completed);
  if (send<UInteger>(buffer, &Selectors::status) == status_error && failure_[0] == 0) {
    Text words;
    append_error(words, send<id>(buffer, &Selectors::error));
    snprintf(failure_, sizeof failure_, "the GPU failed: %s", words.words());
    memcpy(error_, failure_, sizeof failure_);
  }
  // Neighbours can overlap; what they share counts once.
  const double start = send<double>(buffer, &Selectors::gpu_start_time);
  const double end = send<double>(buffer, &Selectors::gpu_end_time);
  const double from = start > last_end_ ? start : last_end_;
  if (end > from) {
    seconds_ += end - from;
    last_end_ = end;
  }
  release(buffer);
  running_count_--;
  memmove(running_, running_ + 1, running_count_ * sizeof running_[0]);
}

void Commands::finish_done() {
  while (running_count_ > 0 && send<UInteger>(running_[0], &Selectors::status) >= status_completed) finish_oldest();
}

int Commands::report_failure() {
  if (failure_[0] == 0) return CIDER_OK;
  fail(CIDER_UNAVAILABLE, "%s", failure_);
  failure_[0] = 0;
  return CIDER_UNAVAILABLE;
}

void Commands::finish() {
  hand_over();
  while (running_count_ > 0) finish_oldest();
}

int Commands::wait() {
  finish();
  return report_failure();
}

double Commands::seconds() {
  const Pool pool;
  finish_done();
  return seconds_;
}

} // namespace cider::metal
