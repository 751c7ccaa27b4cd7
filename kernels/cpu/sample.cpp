#include "sample.h"

#include <math.h>

#include "float-kernels.h"
#include "sizes.h"
#include "thread-pool.h"

namespace cider {
namespace {

uint32_t index_of_largest(const FloatKernels &kernels, const float *row, uint32_t columns) {
  const float largest = kernels.largest(row, columns, 1.0f);
  for (uint32_t i = 0; i < columns; i++) {
    if (row[i] == largest) return i;
  }
  return columns - 1; // all are NaN
}

struct Token {
  float logit;
  uint32_t id;
};

bool precedes(const Token &a, const Token &b) { return a.logit > b.logit || (a.logit == b.logit && a.id < b.id); }

// Tokens in a binary heap: to take the few most probable ones costs less than to sort a vocabulary.
class TokenHeap {
public:
  TokenHeap(Token *tokens, const float *logits, uint32_t count) : tokens_(tokens), count_(count) {
    for (uint32_t i = 0; i < count; i++) tokens[i] = {logits[i], i};
    for (uint32_t i = count / 2; i-- > 0;) sink(i);
  }

  // The largest logit, of equal ones that of the smaller id.
  Token take() {
    const Token first = tokens_[0];
    tokens_[0] = tokens_[--count_];
    sink(0);
    return first;
  }

private:
  void sink(uint32_t parent) {
    for (uint32_t child; (child = 2 * parent + 1) < count_; parent = child) {
      if (child + 1 < count_ && precedes(tokens_[child + 1], tokens_[child])) child++;
      if (!precedes(tokens_[child], tokens_[parent])) return;
      const Token sunk = tokens_[parent];
      tokens_[parent] = tokens_[child];
      tokens_[child] = sunk;
    }
  }

  Token *tokens_;
  uint32_t count_;
};

} // namespace

void argmax(const FloatKernels &kernels, ThreadPool &pool, const float *logits, uint32_t rows, uint32_t columns,
            int32_t *token_ids) {
  parallel(pool, rows, [&](uint32_t row, uint32_t) {
    token_ids[row] = static_cast<int32_t>(index_of_largest(kernels, logits + size_t{row} * columns, columns));
  });
}

// A candidate: its id and its weight, exp((logit - largest) / temperature).
struct Candidate {
  double weight;
  uint32_t id;
};

size_t sample_scratch_bytes(uint32_t columns) {
  return ALIGNMENT + size_t{columns} * (sizeof(Candidate) + sizeof(Token));
}

int32_t sample(const FloatKernels &kernels, const SampleArgs &args) {
  const auto &[logits, columns, temperature, top_k, top_p, random, scratch] = args;
  const uint32_t best = index_of_largest(kernels, logits, columns);
  const double largest = static_cast<double>(logits[best]);
  bool has_nan = false;
  for (uint32_t i = 0; i < columns; i++) has_nan |= isnan(logits[i]) != 0;
  if (has_nan || !isfinite(largest)) return -1;
  if (temperature == 0) return static_cast<int32_t>(best);

  const auto weight_of = [&](float logit) {
    return exp((static_cast<double>(logit) - largest) / static_cast<double>(temperature));
  };
  const uint32_t limit = top_k > 0 && top_k < columns ? top_k : columns;
  Candidate *candidates = static_cast<Candidate *>(align_up(scratch));
  TokenHeap heap(reinterpret_cast<Token *>(candidates + columns), logits, columns);
  uint32_t taken = 0;
  // Candidates are taken from the heap only as far as they are looked at.
  const auto weight_at = [&](uint32_t i) {
    for (; taken <= i; taken++) {
      const Token token = heap.take();
      candidates[taken] = {weight_of(token.logit), token.id};
    }
    return candidates[i].weight;
  };

  double total = 0;
  if (limit < columns) {
    for (uint32_t i = 0; i < limit; i++) total += weight_at(i);
  } else {
    for (uint32_t i = 0; i < columns; i++) total += weight_of(logits[i]);
  }
  // The nucleus is the shortest beginning of the candidates that reaches top_p.
  uint32_t nucleus = limit;
  double reached = total;
  if (top_p < 1) {
    const double needed = static_cast<double>(top_p) * total;
    nucleus = 0;
    for (reached = 0; reached < needed && nucleus < limit; nucleus++) reached += weight_at(nucleus);
  }
  uint32_t choice = 0;
  double passed = weight_at(0);
  while (passed <= random * reached && choice < nucleus - 1) passed += weight_at(++choice);
  return static_cast<int32_t>(candidates[choice].id);
}

} // namespace cider
