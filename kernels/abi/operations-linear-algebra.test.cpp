// Matrices in f64.
#include "abi-test.h"

using namespace cider::test;

namespace {

template <size_t count>
void check_doubles(const char *operation, const double (&values)[count], const double (&expected)[count]) {
  for (size_t i = 0; i < count; i++) {
    CHECK(values[i] == expected[i], "%s: element %zu is %g, not %g", operation, i, values[i], expected[i]);
  }
}

void test_multiply_add(cider_device *device) {
  // Columns 0 and 1 of rows of 3 are c, the last one is a.
  double c[] = {1, 2, 3, 10, 20, 30};
  const double b[] = {5, 7};
  const cider_multiply_add_params product = {c, c + 2, b, 3, 3, 2, 2, 2, 1, 0, -2};
  ACCEPTED(cider_multiply_add(device, &product));
  check_doubles("multiply_add", c, {-29, -40, 3, -290, -400, 30});
  const cider_multiply_add_params transposed = {c, c + 2, b, 3, 3, 1, 2, 2, 1, 1, 2};
  ACCEPTED(cider_multiply_add(device, &transposed));
  check_doubles("multiply_add", c, {1, 2, 3, 10, 20, 30});
  REFUSED(cider_multiply_add(nullptr, &product));
  REFUSED(cider_multiply_add(device, nullptr));
  REFUSED_WITH(product, p.c = nullptr, cider_multiply_add(device, &p));
  REFUSED_WITH(product, p.a = nullptr, cider_multiply_add(device, &p));
  REFUSED_WITH(product, p.b = nullptr, cider_multiply_add(device, &p));
  REFUSED_WITH(product, p.m = 0, cider_multiply_add(device, &p));
  REFUSED_WITH(product, p.n = 0, cider_multiply_add(device, &p));
  REFUSED_WITH(product, p.k = 0, cider_multiply_add(device, &p));
  REFUSED_WITH(product, p.m = huge, cider_multiply_add(device, &p));
  REFUSED_WITH(product, p.c_stride = 1, cider_multiply_add(device, &p));
  REFUSED_WITH(product, p.a_stride = 0, cider_multiply_add(device, &p));
  REFUSED_WITH(product, p.b_stride = 1, cider_multiply_add(device, &p));
  REFUSED_WITH(product, p.c_stride = UINT64_MAX, cider_multiply_add(device, &p));
  REFUSED_WITH(product, p.a_stride = UINT64_MAX / 16 + 1, cider_multiply_add(device, &p));
}

void test_inverse_factor(cider_device *device) {
  double h[] = {5, 99, 7, 2, 4, 8};
  cider_inverse_factor_params factor = {h, 3, 2, 0};
  ACCEPTED(cider_inverse_factor(device, &factor));
  check_doubles("inverse_factor", h, {0.5, -0.25, 7, 0, 0.5, 8});
  CHECK(factor.pivot == -1, "pivot %d", factor.pivot);
  double indefinite[] = {1, 0, 2, 1};
  cider_inverse_factor_params none = {indefinite, 2, 2, 7};
  ACCEPTED(cider_inverse_factor(device, &none));
  CHECK(none.pivot == 0, "pivot %d", none.pivot);
  REFUSED(cider_inverse_factor(nullptr, &factor));
  REFUSED(cider_inverse_factor(device, nullptr));
  REFUSED_WITH(factor, p.h = nullptr, cider_inverse_factor(device, &p));
  REFUSED_WITH(factor, p.n = 0, cider_inverse_factor(device, &p));
  REFUSED_WITH(factor, p.n = 4, cider_inverse_factor(device, &p));
  REFUSED_WITH(factor, (p.n = huge, p.stride = huge), cider_inverse_factor(device, &p));
}

void test_hadamard(cider_device *device) {
  double x[] = {1, 2, 3, 4, 9, 5, 6, 7, 8, 9};
  const int8_t base[] = {1, 1, 1, -1};
  const cider_hadamard_params rotation = {x, base, 5, 2, 4, 2};
  ACCEPTED(cider_hadamard(device, &rotation));
  check_doubles("hadamard", x, {5, -1, -2, 0, 9, 13, -1, -2, 0, 9});
  const int8_t wrong[] = {1, 1, 0, -1};
  REFUSED(cider_hadamard(nullptr, &rotation));
  REFUSED(cider_hadamard(device, nullptr));
  REFUSED_WITH(rotation, p.x = nullptr, cider_hadamard(device, &p));
  REFUSED_WITH(rotation, p.base = nullptr, cider_hadamard(device, &p));
  REFUSED_WITH(rotation, p.base = wrong, cider_hadamard(device, &p));
  REFUSED_WITH(rotation, p.rows = 0, cider_hadamard(device, &p));
  REFUSED_WITH(rotation, p.columns = 3, cider_hadamard(device, &p));
  REFUSED_WITH(rotation, p.columns = 0, cider_hadamard(device, &p));
  REFUSED_WITH(rotation, p.stride = 3, cider_hadamard(device, &p));
  REFUSED_WITH(rotation, p.order = 0, cider_hadamard(device, &p));
  REFUSED_WITH(rotation, p.order = 3, cider_hadamard(device, &p));
  REFUSED_WITH(rotation, p.order = 8, cider_hadamard(device, &p));
}

void test_accumulate(cider_device *device) {
  double sum[] = {100, 200, 0, 300, 400, 0};
  const float x[] = {1, 2, 3, 4};
  const cider_accumulate_params both = {sum, x, x, 3, 2, 2, 2};
  ACCEPTED(cider_accumulate(device, &both));
  check_doubles("accumulate", sum, {110, 214, 0, 314, 420, 0});
  const float y[] = {1, 10};
  const cider_accumulate_params apart = {sum, y, x, 2, 2, 1, 2};
  ACCEPTED(cider_accumulate(device, &apart));
  check_doubles("accumulate", sum, {141, 256, 0, 314, 420, 0});
  REFUSED(cider_accumulate(nullptr, &both));
  REFUSED(cider_accumulate(device, nullptr));
  REFUSED_WITH(both, p.sum = nullptr, cider_accumulate(device, &p));
  REFUSED_WITH(both, p.y = nullptr, cider_accumulate(device, &p));
  REFUSED_WITH(both, p.x = nullptr, cider_accumulate(device, &p));
  REFUSED_WITH(both, p.count = 0, cider_accumulate(device, &p));
  REFUSED_WITH(both, p.p = 0, cider_accumulate(device, &p));
  REFUSED_WITH(both, p.n = 0, cider_accumulate(device, &p));
  REFUSED_WITH(both, p.n = huge, cider_accumulate(device, &p));
  REFUSED_WITH(both, p.stride = 1, cider_accumulate(device, &p));
}

} // namespace

int main() {
  for_each_device([](cider_device *device) {
    test_multiply_add(device);
    test_inverse_factor(device);
    test_hadamard(device);
    test_accumulate(device);
  });
  return report();
}
