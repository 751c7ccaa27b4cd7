#include "files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

namespace cider::metal {

namespace {

constexpr size_t max_file_bytes = 1 << 20;

// As much of Metal's words as a sentence may hold.
constexpr size_t max_words_inline = 160;

const char *temporary_folder() {
  const char *folder = getenv("TMPDIR");
  return folder == nullptr || folder[0] == 0 ? "/tmp" : folder;
}

// Makes a folder and those above it; that they exist already shows when a file is opened.
void make_folders(const char *folder) {
  Text path;
  for (const char *at = folder; *at != 0; at++) {
    if (*at == '/' && path.length() > 0) mkdir(path.words(), 0777);
    path.append(at, 1);
  }
  mkdir(path.words(), 0777);
}

bool write_all(int descriptor, const Text &text) {
  for (size_t written = 0; written < text.length();) {
    const ssize_t count = write(descriptor, text.words() + written, text.length() - written);
    if (count <= 0) return false;
    written += static_cast<size_t>(count);
  }
  return true;
}

} // namespace

bool write_file(const char *folder, const char *name, const Text &text, Text &path) {
  if (folder == nullptr) {
    folder = temporary_folder();
  } else {
    make_folders(folder);
  }
  path.clear();
  path.format("%s/%s", folder, name);
  Text unfinished;
  unfinished.format("%s.XXXXXX", path.words());
  if (path.is_incomplete() || unfinished.is_incomplete()) return false;
  char *template_name = strdup(unfinished.words());
  const int descriptor = template_name == nullptr ? -1 : mkstemp(template_name);
  bool is_written = false;
  if (descriptor >= 0) {
    is_written = write_all(descriptor, text);
    is_written &= fchmod(descriptor, 0644) == 0;
    is_written &= close(descriptor) == 0;
    is_written = is_written && rename(template_name, path.words()) == 0;
    if (!is_written) unlink(template_name);
  }
  free(template_name);
  return is_written;
}

bool read_file(const char *folder, const char *name, Text &text) {
  Text path;
  path.format("%s/%s", folder, name);
  // Without O_NONBLOCK, to open a pipe would wait for its writer.
  const int descriptor = open(path.words(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return false;
  char block[4096];
  ssize_t count;
  while ((count = read(descriptor, block, sizeof block)) > 0 && text.length() <= max_file_bytes) {
    text.append(block, static_cast<size_t>(count));
  }
  close(descriptor);
  return count == 0 && !text.is_incomplete();
}

void describe_problem(char *sentence, size_t bytes, const char *what, const Text &words, const char *folder,
                      const char *name) {
  Text path;
  const bool is_written = write_file(folder, name, words, path);
  const size_t line = strcspn(words.words(), "\n");
  const int shown = static_cast<int>(line < max_words_inline ? line : max_words_inline);
  snprintf(sentence, bytes, "%s: %.*s; %s %s", what, shown, words.words(),
           is_written ? "all that it says is in" : "its words could not be written to", path.words());
}

} // namespace cider::metal
