/*
 * libcider: the arithmetic of cider behind one C interface.
 *
 * Every function returns a status; the text of the last failure of the calling thread is in cider_last_error, that of
 * the last operation that failed on a device in cider_device_error, whichever thread it ran in. Nothing throws, and
 * nothing is kept between calls but what a handle holds. An operation takes one struct of parameters; f32 activations
 * are row-major [rows, columns] in buffers of the library. Results of integer linears are the bits that
 * docs/numerics.md prescribes, for any instruction set and number of threads; all else has the tolerance that is
 * written beside its test. Operations on one device must follow one another; several devices are independent. Buffers,
 * weights and caches are used with the device that they were made for, and released before it is closed.
 */
#ifndef CIDER_H
#define CIDER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CIDER_ABI_VERSION 4

enum {
  CIDER_OK = 0,
  CIDER_INVALID_ARGUMENT = 1, /* a size, pointer or enumerator that makes no sense */
  CIDER_OUT_OF_MEMORY = 2,
  CIDER_UNAVAILABLE = 3, /* an instruction set or backend that this machine lacks */
  CIDER_IO = 4,          /* a file that cannot be opened, mapped or read to the end */
  CIDER_NON_FINITE = 5,  /* NaN or infinity where weights are quantized; cider_last_error has the index */
};

/* Float formats, named as in safetensors. */
enum { CIDER_F32 = 0, CIDER_F16 = 1, CIDER_BF16 = 2 };

typedef struct cider_device cider_device;     /* threads and kernels */
typedef struct cider_buffer cider_buffer;     /* f32 memory, 64-byte aligned, zeroed */
typedef struct cider_weight cider_weight;     /* a weight [N, K] in the layout of the kernels */
typedef struct cider_kv_cache cider_kv_cache; /* keys and values of one layer */
typedef struct cider_file cider_file;         /* a file mapped for reading */

uint32_t cider_abi_version(void);
const char *cider_last_error(void);

/* ---- device ---- */

/* The backends: "cpu", and "metal" for Apple GPUs. */
typedef struct {
  const char *isa; /* NULL: the best one; else one of cider_list_isas */
  int32_t threads; /* 0: one per physical core; not used by metal */
  const char *backend; /* NULL: cpu */
  const char *cache; /* a folder for what metal finds out about a machine, made if it is missing; NULL: nothing is kept */
} cider_open_params;

int cider_open(const cider_open_params *params, cider_device **device);
void cider_close(cider_device *device);
const char *cider_device_error(const cider_device *device);
const char *cider_device_isa(const cider_device *device);
int32_t cider_device_threads(const cider_device *device);
/* Waits until all that was asked of the device is done. Operations of metal are done later than they return; those that
 * answer in memory of the caller wait by themselves, and so does reading a buffer. What failed meanwhile is said here. */
int cider_synchronize(cider_device *device);
/* Seconds that the units of a GPU worked for the device, by their own clock, for what is done; 0 for the cpu backend. */
double cider_device_seconds(const cider_device *device);
/* Instruction sets of a backend that this machine runs, best first, separated by spaces: of cpu "generic" is always the
 * last; of metal the ways to multiply integers that passed their trial. Empty if there is none: cider_last_error says why. */
const char *cider_list_isas(const char *backend, const char *cache);
/* How the trial of a backend went, a line a step: "ok", "warn" or "fail", a tab, a name, a tab, what was found. Empty for
 * cpu, which is not tried, and for what the library does not have. */
const char *cider_backend_report(const char *backend, const char *cache);
/* CPU features found, separated by spaces, for `cider doctor`. */
const char *cider_cpu_features(void);

/* ---- memory ---- */

int cider_buffer_create(cider_device *device, uint64_t elements, cider_buffer **buffer);
int cider_buffer_write(cider_buffer *buffer, uint64_t first, const float *values, uint64_t count);
int cider_buffer_read(const cider_buffer *buffer, uint64_t first, float *values, uint64_t count);
void cider_buffer_release(cider_buffer *buffer);

int cider_file_open(const char *path, cider_file **file);
uint64_t cider_file_bytes(const cider_file *file);
void cider_file_close(cider_file *file);

/* ---- weights ---- */

/* Where the bytes of a weight are: in memory of the caller, or in a mapped file. */
typedef struct {
  const void *memory;     /* used when file is NULL */
  const cider_file *file; /* else */
  uint64_t offset;        /* bytes into either */
  uint64_t bytes;
} cider_bytes;

enum {
  CIDER_DENSE = 0,        /* floats: data */
  CIDER_INTEGER = 1,      /* symmetric codes and scales; one int8 a code, also at 4 bits */
  CIDER_AFFINE = 2,       /* unsigned codes, one a byte; w = scale * code + bias by group */
};

/* How codes of weights are stored. */
enum {
  CIDER_BYTES = 0, /* one a byte */
  CIDER_WORDS = 1, /* affine only: 8 or 4 bits each, the lowest bits first; rows end on 32-bit words */
};

typedef struct {
  int32_t kind;
  int32_t dtype; /* of dense data */
  int32_t bits;  /* 8 or 4, of codes */
  uint32_t out_features, in_features;
  uint32_t group_size;  /* 0: one scale a row; the last group of a row may be shorter */
  cider_bytes data;     /* [N, K] floats or codes */
  cider_bytes scales;   /* f32 [N, groups] */
  cider_bytes biases;   /* f32 [N, groups], affine only */
  cider_bytes bias;     /* f32 [N], bytes = 0 for none; added after the product */
  int32_t storage;      /* of codes: CIDER_BYTES … */
} cider_weight_params;

/* Copies and packs; the source may go away afterwards. */
int cider_weight_create(cider_device *device, const cider_weight_params *params, cider_weight **weight);
void cider_weight_release(cider_weight *weight);

int cider_kv_cache_create(cider_device *device, uint32_t capacity, uint32_t kv_heads, uint32_t head_dim,
                          cider_kv_cache **cache);
uint32_t cider_kv_cache_length(const cider_kv_cache *cache);
void cider_kv_cache_release(cider_kv_cache *cache);

/* ---- operations of a decoder; rows and columns count elements of row-major [rows, columns] ---- */

typedef struct {
  cider_buffer *out; /* [count, inFeatures of table] */
  const cider_weight *table; /* dense */
  const int32_t *token_ids;
  uint32_t count;
  float scale; /* of the rows */
} cider_embedding_params;
int cider_embedding(cider_device *device, const cider_embedding_params *params);

typedef struct {
  cider_buffer *out; /* may be x */
  const cider_buffer *x;
  const cider_buffer *gain; /* [columns] */
  uint32_t rows, columns;
  float epsilon;
} cider_rms_norm_params;
int cider_rms_norm(cider_device *device, const cider_rms_norm_params *params);

typedef struct {
  cider_buffer *x; /* [rows, heads * head_dim], in place */
  const float *inverse_frequencies; /* [head_dim / 2] */
  uint32_t rows, columns, head_dim, first_position;
  float attention_factor;
} cider_rope_params;
int cider_rope(cider_device *device, const cider_rope_params *params);

typedef struct {
  cider_buffer *out; /* [rows, heads * head_dim] */
  const cider_buffer *q, *k, *v;
  cider_kv_cache *cache; /* k and v are appended first */
  uint32_t rows, heads;
  uint32_t sliding_window; /* 0: none */
  float scale;
  float soft_cap; /* scaled scores s become soft_cap * tanh(s / soft_cap); 0: they stay */
} cider_attention_params;
int cider_attention(cider_device *device, const cider_attention_params *params);

typedef struct {
  cider_buffer *out; /* may be a or b */
  const cider_buffer *a, *b;
  uint64_t count;
} cider_elementwise_params;
int cider_silu_mul(cider_device *device, const cider_elementwise_params *params); /* a * sigmoid(a) * b */
/* gelu(a) * b, gelu by its tanh approximation */
int cider_gelu_tanh_mul(cider_device *device, const cider_elementwise_params *params);
int cider_add(cider_device *device, const cider_elementwise_params *params);

typedef struct {
  cider_buffer *x; /* becomes cap * tanh(x / cap) */
  uint64_t count;
  float cap; /* > 0 */
} cider_soft_cap_params;
int cider_soft_cap(cider_device *device, const cider_soft_cap_params *params);

typedef struct {
  cider_buffer *out; /* [rows, N] */
  const cider_buffer *x; /* [rows, K] */
  const cider_weight *weight;
  uint32_t rows;
  int32_t quantize_single_row; /* integer weights, rows = 1: quantize the activations all the same (w8a8 decode) */
  void *scratch; /* at least cider_linear_scratch bytes */
  uint64_t scratch_bytes;
} cider_linear_params;
uint64_t cider_linear_scratch(const cider_weight *weight, uint32_t rows);
int cider_linear(cider_device *device, const cider_linear_params *params);

typedef struct {
  const cider_buffer *x; /* [rows, K] */
  const cider_weight *head;
  const int32_t *targets; /* [rows]; -1: not scored */
  double *losses;         /* [rows], nats */
  uint32_t rows;
  float soft_cap; /* logits become soft_cap * tanh(logit / soft_cap); 0: they stay */
  void *scratch;
  uint64_t scratch_bytes;
} cider_cross_entropy_params;
uint64_t cider_cross_entropy_scratch(const cider_weight *head, uint32_t rows);
int cider_cross_entropy(cider_device *device, const cider_cross_entropy_params *params);

/* How far q = softmax(logits of head) is from p = softmax(logits of base_head), row by row from first_row on. */
typedef struct {
  const cider_buffer *x;         /* [rows, K] */
  const cider_weight *head;      /* [N, K] */
  const cider_buffer *base_x;    /* [rows, base K] */
  const cider_weight *base_head; /* [N, base K] */
  double *divergences;           /* [rows - first_row]: sum of p ln(p / q), nats */
  uint8_t *same_top;             /* [rows - first_row]: 1 if the largest logits have one index, else 0 */
  uint32_t rows, first_row;
  float soft_cap; /* of both logits, as in cross_entropy */
  void *scratch;
  uint64_t scratch_bytes;
} cider_divergence_params;
/* For so many rows from first_row on. */
uint64_t cider_divergence_scratch(const cider_weight *head, const cider_weight *base_head, uint32_t rows);
int cider_divergence(cider_device *device, const cider_divergence_params *params);

typedef struct {
  const cider_buffer *logits; /* [rows, columns] */
  int32_t *token_ids;         /* [rows]; ties go to the smaller index */
  uint32_t rows, columns;
} cider_argmax_params;
int cider_argmax(cider_device *device, const cider_argmax_params *params);

typedef struct {
  const cider_buffer *logits; /* the last of [rows, columns] is used */
  uint32_t rows, columns;
  float temperature; /* > 0 */
  uint32_t top_k;    /* 0: all */
  float top_p;       /* 1: all */
  double random;     /* uniform in [0, 1) */
  int32_t token_id;  /* result */
} cider_sample_params;
int cider_sample(cider_device *device, cider_sample_params *params);

/* ---- the arithmetic of docs/numerics.md by itself, on memory of the caller ---- */

typedef struct {
  const float *x; /* [rows, columns] */
  int8_t *codes;
  float *scales; /* [rows] */
  uint32_t rows, columns;
} cider_quantize_per_token_params;
int cider_quantize_per_token(cider_device *device, const cider_quantize_per_token_params *params);

typedef struct {
  const int8_t *a; /* [m, k] */
  const int8_t *b; /* [n, k] */
  int32_t *out;    /* [m, n] */
  uint32_t m, n, k; /* k <= 131071 */
  void *scratch;
  uint64_t scratch_bytes;
} cider_matmul_int8_params;
uint64_t cider_matmul_int8_scratch(const cider_device *device, uint32_t m, uint32_t n, uint32_t k);
int cider_matmul_int8(cider_device *device, const cider_matmul_int8_params *params);

/* Weights offline, min-max: the bits of section 2. */
typedef struct {
  const void *source; /* [rows, columns] of dtype */
  int8_t *codes;
  float *scales; /* [rows, groups] */
  int32_t dtype, bits;
  uint32_t rows, columns, group_size;
} cider_quantize_rows_params;
int cider_quantize_rows(cider_device *device, const cider_quantize_rows_params *params);

/* ---- matrices in f64, on memory of the caller; the bits of docs/numerics.md section 7 ----
 *
 * Row-major, in memory or as blocks of what is: a stride is the number of elements from row to row. Sizes are at most
 * 2^31 - 1. The backend "metal" has none of these: CIDER_UNAVAILABLE. */

/* c += factor * a * b: c = c + (factor * a) * b for each k, ascending. */
typedef struct {
  double *c;       /* [m, n]; no element of it is one of a or b */
  const double *a; /* [m, k] */
  const double *b; /* [k, n], or [n, k] if it is to be transposed */
  uint64_t c_stride, a_stride, b_stride;
  uint32_t m, n, k;
  int32_t transpose_b;
  double factor;
} cider_multiply_add_params;
int cider_multiply_add(cider_device *device, const cider_multiply_add_params *params);

/* The upper triangular U with transpose(U) * U = inverse of h, zeros below. */
typedef struct {
  double *h; /* [n, n], in place; symmetric and positive definite, the lower triangle is read */
  uint64_t stride;
  uint32_t n;
  int32_t pivot; /* result: -1, or the index of the first one that is not positive and finite; h is garbage then */
} cider_inverse_factor_params;
int cider_inverse_factor(cider_device *device, cider_inverse_factor_params *params);

/* Each row becomes row * (H (x) base) / sqrt(columns), H being Sylvester's Hadamard matrix of order columns / order. */
typedef struct {
  double *x; /* [rows, columns], in place */
  const int8_t *base; /* [order, order] of 1 and -1 */
  uint64_t stride;
  uint32_t rows, columns; /* columns is order times a power of two */
  uint32_t order;
} cider_hadamard_params;
int cider_hadamard(cider_device *device, const cider_hadamard_params *params);

/* sum += transpose(y) * x, with products and sums of up to 512 rows in f32, these in f64: a tolerance, not bits. Where y
 * is x, one triangle is computed. */
typedef struct {
  double *sum; /* [p, n] */
  const float *y; /* [count, p] */
  const float *x; /* [count, n] */
  uint64_t stride; /* of sum */
  uint32_t count, p, n;
} cider_accumulate_params;
int cider_accumulate(cider_device *device, const cider_accumulate_params *params);

/* ---- what the machine gives at most, for benchmarks ---- */

/* Results, measured when called, for the instruction set and the threads of the device. A product and a sum count as two
 * operations. Takes some four times `seconds` and half a GiB of memory. */
typedef struct {
  double seconds;    /* for each figure, 0.001 to 60 */
  double int8_gops;  /* 10^9 operations on int8 a second, on registers alone */
  double f32_gops;   /* on f32 */
  double bf16_gops;  /* on bf16 with sums in f32, 0 if the instruction set has nothing for them */
  double read_gbs;   /* 10^9 bytes a second, read from memory in order */
} cider_peak_params;
int cider_peak(cider_device *device, cider_peak_params *params);

#ifdef __cplusplus
}
#endif
#endif
