// Which objects live and which have died. The memory of the dead is kept for a while, so that a message to one of them
// is recognised.
#include <deque>
#include <mutex>

#include "../runtime/diagnose.h"
#include "../runtime/sanitizers.h"
#include "object.h"

namespace emulator {
namespace {

constexpr size_t MAX_DEAD = 65536;

struct Register {
  std::mutex mutex;
  std::unordered_map<const void *, std::string> living, dead; // with names of classes
  std::deque<void *> burials;                                 // the dead, in order
  long exempted = 0;
};

Register &objects() {
  static auto *all = new Register;
  return *all;
}

void require_alive(const Register &all, const Object *object, const char *message) {
  if (all.living.contains(object)) return;
  const auto dead = all.dead.find(object);
  if (dead != all.dead.end()) {
    fail("'%s' was sent to a deallocated %s, %p", message, dead->second.c_str(), static_cast<const void *>(object));
  }
  fail("'%s' was sent to %p, which is no object", message, static_cast<const void *>(object));
}

// The object is destroyed, its memory is not yet given back.
void bury(Object *object) {
  object->~Object();
  Register &all = objects();
  const std::lock_guard lock(all.mutex);
  all.burials.push_back(object);
  if (all.burials.size() <= MAX_DEAD) return;
  all.dead.erase(all.burials.front());
  ::operator delete(all.burials.front());
  all.burials.pop_front();
}

} // namespace

void bring_to_life(Object *object, Class &isa) {
  object->isa = &isa;
  Register &all = objects();
  const std::lock_guard lock(all.mutex);
  all.living.emplace(object, isa.name);
}

void exempt(Object *object) {
  Register &all = objects();
  const std::lock_guard lock(all.mutex);
  require_alive(all, object, "exempt");
  all.exempted++;
}

long live_objects() {
  Register &all = objects();
  const std::lock_guard lock(all.mutex);
  return static_cast<long>(all.living.size()) - all.exempted;
}

void require_alive(const Object *object, const char *message) {
  const Register &all = objects();
  const std::lock_guard lock(objects().mutex);
  require_alive(all, object, message);
}

void retain(Object *object) {
  Register &all = objects();
  const std::lock_guard lock(all.mutex);
  require_alive(all, object, "retain");
  object->references++;
}

void release(Object *object) {
  {
    Register &all = objects();
    const std::lock_guard lock(all.mutex);
    require_alive(all, object, "release");
    if (--object->references > 0) return;
    const auto entry = all.living.extract(object);
    all.dead.emplace(object, entry.mapped());
  }
  bury(object);
}

} // namespace emulator
