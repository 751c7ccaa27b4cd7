// Memory that a kernel sees and that ends, to the byte, where the next page must not be touched: what reads or writes
// behind it ends the program, on any GPU and with any emulator. Before it lie bytes that must stay as they are.
#pragma once

#include "launcher.h"

namespace cider::test {

class EdgeBytes {
public:
  explicit EdgeBytes(size_t bytes);
  ~EdgeBytes();
  EdgeBytes(const EdgeBytes &) = delete;
  EdgeBytes &operator=(const EdgeBytes &) = delete;

  void *data() const { return pages_ + offset_; }
  Bound bound() const { return {object_, nullptr, 0, offset_}; }
  bool intact() const;

private:
  unsigned char *mapped_, *pages_; // a page that must not be touched lies behind page_bytes_ bytes
  size_t mapped_bytes_, page_bytes_, offset_;
  metal::id object_;
};

template <class T>
class AtEdge {
public:
  explicit AtEdge(size_t count) : bytes_(count * sizeof(T)) {}
  T *data() { return static_cast<T *>(bytes_.data()); }
  T &operator[](size_t index) { return data()[index]; }
  Bound bound() const { return bytes_.bound(); }
  bool intact() const { return bytes_.intact(); }

private:
  EdgeBytes bytes_;
};

// `bytes` bytes of zeros that take no memory where nothing is written.
class SparseBytes {
public:
  explicit SparseBytes(uint64_t bytes);
  ~SparseBytes();
  SparseBytes(const SparseBytes &) = delete;
  SparseBytes &operator=(const SparseBytes &) = delete;
  unsigned char *data() const;
  Bound bound() const { return {object_, nullptr, 0, 0}; }

private:
  unsigned char *mapped_;
  uint64_t mapped_bytes_;
  metal::id object_;
};

} // namespace cider::test
