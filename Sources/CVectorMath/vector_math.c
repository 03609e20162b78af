// The choice of instruction set, and everything that is not worth a version for each.
#include "vector_math.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#pragma clang fp contract(fast)

struct kernels {
  void (*linear)(
    const float *x, size_t ldx, size_t rows, const float *packed, const float *bias, size_t outputs, size_t inputs,
    int activation, float *y, size_t ldy);
  void (*panel)(
    const float *a, size_t lda, size_t rows, const float *b, size_t ldb, size_t k, const float *bias, size_t columns,
    int activation, float *c, size_t ldc);
  void (*gelu)(float *x, size_t n);
  void (*softmax)(float *x, size_t rows, size_t n, size_t ldx, float scale);
  void (*layer_norm)(
    const float *x, const float *residual, const float *gamma, const float *beta, float epsilon, size_t rows,
    size_t n, float *y);
  float (*dot)(const float *a, const float *b, size_t n);
  void (*dot_scan)(const float *query, const float *base, size_t count, size_t dim, float *scores);
};

#define VM_NAME(x) portable_##x
#define VM_WIDTH 4
#if defined(__aarch64__)
#define VM_ROWS 6  // 12 sums, 2 columns and a row of 32 registers
#else
#define VM_ROWS 4  // 8 sums, 2 columns and a row of 16 registers
#endif
#define VM_TARGET
#include "kernels.h"

#if defined(__x86_64__)
#define VM_NAME(x) avx2_##x
#define VM_WIDTH 8
#define VM_ROWS 6  // 12 sums, 2 columns and a row of 16 registers
#define VM_TARGET __attribute__((target("avx2,fma")))
#include "kernels.h"

#define VM_NAME(x) avx512_##x
#define VM_WIDTH 16
#define VM_ROWS 14  // 28 sums, 2 columns and a row of 32 registers
#define VM_TARGET __attribute__((target("avx2,fma,avx512f")))
#include "kernels.h"
#endif

static const struct kernels *kernels_of(int level) {
  (void)level;  // the only one, on a processor without further levels
#if defined(__x86_64__)
  if (level == VM_LEVEL_AVX512) return &avx512_kernels;
  if (level == VM_LEVEL_AVX2) return &avx2_kernels;
#endif
  return &portable_kernels;
}

int vm_best_level(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx2 && __builtin_cpu_supports("avx512f")) return VM_LEVEL_AVX512;
  if (avx2) return VM_LEVEL_AVX2;
#endif
  return VM_LEVEL_PORTABLE;
}

static atomic_int chosen_level = -1;

int vm_current_level(void) {
  int level = atomic_load_explicit(&chosen_level, memory_order_relaxed);
  if (level < 0) {
    // Two threads may both find -1; both store the same answer, unless one was set in between, and that one stays.
    int unset = -1;
    level = vm_best_level();
    if (!atomic_compare_exchange_strong(&chosen_level, &unset, level)) level = unset;
  }
  return level;
}

int vm_set_level(int level) {
  if (level < VM_LEVEL_PORTABLE || level > vm_best_level()) return -1;
  atomic_store(&chosen_level, level);
  return 0;
}

static const struct kernels *current(void) { return kernels_of(vm_current_level()); }

float vm_dot_f32(const float *a, const float *b, size_t n) { return current()->dot(a, b, n); }

void vm_dot_scan_f32(const float *query, const float *base, size_t count, size_t dim, float *out_scores) {
  current()->dot_scan(query, base, count, dim, out_scores);
}

static size_t panels_of(size_t columns) { return (columns + VM_PANEL - 1) / VM_PANEL; }

size_t vm_packed_count(size_t outputs, size_t inputs) { return panels_of(outputs) * VM_PANEL * inputs; }

static void pack(const float *weights, size_t ld, size_t outputs, size_t inputs, float *packed) {
  for (size_t j = 0; j < outputs; j += VM_PANEL, packed += VM_PANEL * inputs) {
    size_t columns = outputs - j < VM_PANEL ? outputs - j : VM_PANEL;
    if (columns < VM_PANEL) memset(packed, 0, VM_PANEL * inputs * sizeof(float));
    // Sixteen inputs at a time: a cache line of each weight row, and writes that stay in the first-level cache.
    for (size_t i = 0; i < inputs; i += 16) {
      size_t end = i + 16 < inputs ? i + 16 : inputs;
      for (size_t c = 0; c < columns; c++)
        for (size_t k = i; k < end; k++) packed[k * VM_PANEL + c] = weights[(j + c) * ld + k];
    }
  }
}

void vm_pack_weights_f32(const float *weights, size_t outputs, size_t inputs, float *packed) {
  pack(weights, inputs, outputs, inputs, packed);
}

void vm_linear_f32(
  const float *x, size_t ldx, size_t rows, const float *packed, const float *bias, size_t outputs, size_t inputs,
  int activation, float *y, size_t ldy) {
  current()->linear(x, ldx, rows, packed, bias, outputs, inputs, activation, y, ldy);
}

void vm_gelu_f32(float *x, size_t n) { current()->gelu(x, n); }

void vm_layer_norm_f32(
  const float *x, const float *residual, const float *gamma, const float *beta, float epsilon, size_t rows, size_t n,
  float *y) {
  current()->layer_norm(x, residual, gamma, beta, epsilon, rows, n, y);
}

void vm_softmax_f32(float *x, size_t rows, size_t n, size_t ldx, float scale) {
  current()->softmax(x, rows, n, ldx, scale);
}

size_t vm_attention_scratch_count(size_t length, size_t head_size) {
  return vm_packed_count(length, head_size) + length * length;
}

void vm_attention_f32(const float *qkv, size_t length, size_t heads, size_t head_size, float *scratch, float *out) {
  const struct kernels *k = current();
  size_t width = heads * head_size, ld = 3 * width;
  float *keys = scratch, *scores = scratch + vm_packed_count(length, head_size);
  float scale = 1.0f / sqrtf((float)head_size);
  for (size_t h = 0; h < heads; h++) {
    const float *q = qkv + h * head_size;
    pack(q + width, ld, length, head_size, keys);
    k->linear(q, ld, length, keys, NULL, length, head_size, VM_ACTIVATION_NONE, scores, length);
    k->softmax(scores, length, length, length, scale);
    // V needs no packing: its rows already have VM_PANEL neighbouring columns of the head.
    for (size_t j = 0; j < head_size; j += VM_PANEL)
      k->panel(
        scores, length, length, q + 2 * width + j, ld, length, NULL, VM_PANEL, VM_ACTIVATION_NONE,
        out + h * head_size + j, width);
  }
}

void vm_gather_f32(
  const float *table, const int32_t *ids, const float *positions, const float *constant, size_t length, size_t n,
  float *out) {
  for (size_t i = 0; i < length; i++, positions += n, out += n) {
    const float *row = table + (size_t)ids[i] * n;
    for (size_t j = 0; j < n; j++) out[j] = row[j] + positions[j] + constant[j];
  }
}

void vm_mean_unit_f32(const float *x, size_t rows, size_t n, float *out) {
  memcpy(out, x, n * sizeof(float));
  for (size_t r = 1; r < rows; r++)
    for (size_t j = 0; j < n; j++) out[j] += x[r * n + j];
  for (size_t j = 0; j < n; j++) out[j] /= (float)rows;
  float length = sqrtf(vm_dot_f32(out, out, n));
  if (length > 0)
    for (size_t j = 0; j < n; j++) out[j] /= length;
}
