#pragma once

#include <memory>

#include "../objc/object.h"
#include "command.h"

namespace emulator {

class CommandBuffer;

class Encoder : public Object {
public:
  static Class &objc_class();
  Encoder(CommandBuffer &buffer, bool concurrent);
  ~Encoder() override;

  // What the next dispatch will have; null after endEncoding.
  Command *state(const char *method);
  void dispatch(const char *method, const Size3 &threadgroups, const Size3 &threads);
  // Commands before and behind stay in order even in a concurrent encoder.
  void separate();
  void end();

private:
  Reference<CommandBuffer> buffer_;
  const bool concurrent_;
  std::unique_ptr<Command> state_;
  CommandGroup group_;
};

} // namespace emulator
