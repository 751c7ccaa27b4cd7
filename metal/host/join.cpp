#include "sources.h"

#include <string.h>

namespace cider::metal {

namespace {

// More files than a library has.
constexpr uint32_t max_files = 64;

struct Line {
  const char *begin, *end; // without its newline

  bool is(const char *words) const {
    return static_cast<size_t>(end - begin) == strlen(words) && memcmp(begin, words, strlen(words)) == 0;
  }

  // The name between the quotes of an include; its end is null if the line is none.
  Line included() const {
    constexpr char mark[] = "#include \"";
    constexpr size_t length = sizeof mark - 1;
    if (static_cast<size_t>(end - begin) <= length || memcmp(begin, mark, length) != 0) return {nullptr, nullptr};
    const char *name = begin + length;
    return {name, static_cast<const char *>(memchr(name, '"', static_cast<size_t>(end - name)))};
  }
};

class Joiner {
public:
  explicit Joiner(Text &text) : text_(text) {}

  bool add(const char *name) {
    const SourceFile *file = find_source(name);
    if (file == nullptr || seen_count_ == max_files) return false;
    seen_[seen_count_++] = file;
    mark(*file, 1);
    const char *at = reinterpret_cast<const char *>(file->text);
    const char *end = at + file->bytes;
    for (uint32_t number = 1; at < end; number++) {
      const auto *newline = static_cast<const char *>(memchr(at, '\n', static_cast<size_t>(end - at)));
      const Line line = {at, newline == nullptr ? end : newline};
      if (!add_line(*file, line, number)) return false;
      at = line.end + 1;
    }
    return true;
  }

private:
  void mark(const SourceFile &file, uint32_t number) {
    text_.format("#line %u \"kernels/metal/%s\"\n", number, file.name);
  }

  bool add_line(const SourceFile &file, const Line &line, uint32_t number) {
    const Line header = line.included();
    if (header.end != nullptr) {
      if (!add_header(header)) return false;
      mark(file, number + 1);
    } else {
      if (!line.is("#pragma once")) text_.append(line.begin, static_cast<size_t>(line.end - line.begin));
      text_.append("\n");
    }
    return true;
  }

  bool add_header(const Line &header) {
    char name[64];
    const auto length = static_cast<size_t>(header.end - header.begin);
    if (length >= sizeof name) return false;
    memcpy(name, header.begin, length);
    name[length] = 0;
    for (uint32_t i = 0; i < seen_count_; i++) {
      if (strcmp(seen_[i]->name, name) == 0) return true;
    }
    return add(name);
  }

  Text &text_;
  const SourceFile *seen_[max_files];
  uint32_t seen_count_ = 0;
};

} // namespace

bool join_sources(const char *const *names, uint32_t count, Text &text) {
  Joiner joiner(text);
  for (uint32_t i = 0; i < count; i++) {
    if (!joiner.add(names[i])) return false;
  }
  return !text.is_incomplete();
}

} // namespace cider::metal
