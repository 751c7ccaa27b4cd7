// Positions and attention.
#include "abi-test.h"

using namespace cider::test;

namespace {

void test_attention(cider_device *device) {
  cider_kv_cache *cache = nullptr;
  REFUSED(cider_kv_cache_create(nullptr, 2, 1, 2, &cache));
  REFUSED(cider_kv_cache_create(device, 2, 1, 2, nullptr));
  REFUSED(cider_kv_cache_create(device, 0, 1, 2, &cache));
  REFUSED(cider_kv_cache_create(device, 2, 0, 2, &cache));
  REFUSED(cider_kv_cache_create(device, 2, 1, 0, &cache));
  EXPECT(CIDER_OUT_OF_MEMORY, cider_kv_cache_create(device, huge, huge, huge, &cache));
  EXPECT(CIDER_OUT_OF_MEMORY, cider_kv_cache_create(device, huge, 4096, 1, &cache));
  CHECK(cache == nullptr, "a cache after a failure");
  CHECK(cider_kv_cache_length(nullptr) == 0, "length of null");
  cider_kv_cache_release(nullptr);

  ACCEPTED(cider_kv_cache_create(device, 2, 1, 2, &cache));
  cider_buffer *q = buffer_of(device, {1, 2, 3, 4});
  cider_buffer *k = buffer_of(device, {0, 0});
  cider_buffer *v = buffer_of(device, {5, 7});
  cider_buffer *out = buffer_of(device, {0, 0, 0, 0});
  const cider_attention_params params = {out, q, k, v, cache, 1, 2, 0, 0.5f, 0};
  REFUSED(cider_attention(nullptr, &params));
  REFUSED(cider_attention(device, nullptr));
  REFUSED_WITH(params, p.out = nullptr, cider_attention(device, &p));
  REFUSED_WITH(params, p.q = nullptr, cider_attention(device, &p));
  REFUSED_WITH(params, p.k = nullptr, cider_attention(device, &p));
  REFUSED_WITH(params, p.v = nullptr, cider_attention(device, &p));
  REFUSED_WITH(params, p.cache = nullptr, cider_attention(device, &p));
  REFUSED_WITH(params, p.rows = 0, cider_attention(device, &p));
  REFUSED_WITH(params, p.rows = 2, cider_attention(device, &p));
  REFUSED_WITH(params, p.rows = huge, cider_attention(device, &p));
  REFUSED_WITH(params, p.heads = 0, cider_attention(device, &p));
  REFUSED_WITH(params, p.heads = huge, cider_attention(device, &p));
  REFUSED_WITH(params, p.soft_cap = -1, cider_attention(device, &p));
  REFUSED_WITH(params, p.soft_cap = NAN, cider_attention(device, &p));
  REFUSED_WITH(params, p.soft_cap = INFINITY, cider_attention(device, &p));
  CHECK(cider_kv_cache_length(cache) == 0, "%u positions after failures", cider_kv_cache_length(cache));

  // One position gets all weight; of two equal keys both get half.
  ACCEPTED(cider_attention(device, &params));
  check_values("attention", out, {5, 7, 5, 7});
  const float second[] = {7, 9};
  ACCEPTED(cider_buffer_write(v, 0, second, 2));
  ACCEPTED(cider_attention(device, &params));
  check_values("attention", out, {6, 8, 6, 8});
  CHECK(cider_kv_cache_length(cache) == 2, "%u positions", cider_kv_cache_length(cache));
  REFUSED(cider_attention(device, &params)); // the cache is full
  cider_kv_cache_release(cache);

  ACCEPTED(cider_kv_cache_create(device, 2, 2, 1, &cache));
  REFUSED_WITH(params, (p.cache = cache, p.heads = 3), cider_attention(device, &p));
  cider_kv_cache_release(cache);
  cider_buffer_release(q);
  cider_buffer_release(k);
  cider_buffer_release(v);
  cider_buffer_release(out);
}

void test_rope(cider_device *device) {
  const float frequencies[] = {1};
  cider_buffer *x = buffer_of(device, {1, 0, 1, 0});
  const cider_rope_params params = {x, frequencies, 2, 2, 2, 0, 1};
  ACCEPTED(cider_rope(device, &params));
  check_values("rope", x, {1, 0, cosf(1), sinf(1)});

  REFUSED(cider_rope(nullptr, &params));
  REFUSED(cider_rope(device, nullptr));
  REFUSED_WITH(params, p.x = nullptr, cider_rope(device, &p));
  REFUSED_WITH(params, p.inverse_frequencies = nullptr, cider_rope(device, &p));
  REFUSED_WITH(params, p.rows = 0, cider_rope(device, &p));
  REFUSED_WITH(params, p.rows = 3, cider_rope(device, &p));
  REFUSED_WITH(params, p.columns = 0, cider_rope(device, &p));
  REFUSED_WITH(params, p.columns = 3, cider_rope(device, &p));
  REFUSED_WITH(params, p.columns = huge, cider_rope(device, &p));
  REFUSED_WITH(params, p.head_dim = 0, cider_rope(device, &p));
  REFUSED_WITH(params, p.head_dim = 1, cider_rope(device, &p));
  REFUSED_WITH(params, p.head_dim = 4, cider_rope(device, &p));
  REFUSED_WITH(params, p.first_position = huge, cider_rope(device, &p));
  cider_buffer_release(x);
}

} // namespace

int main() {
  for_each_device(test_attention);
  for_each_device(test_rope);
  return report();
}
