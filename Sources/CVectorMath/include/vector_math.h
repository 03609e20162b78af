// Vector kernels in 32-bit floating point, with the instruction set chosen at run time.
//
// - Matrices are row-major. A leading dimension ("ld…") is the distance between rows, counted in floats.
// - Pointers need the alignment of float (4 bytes) and no more. Sizes count elements, never bytes.
// - Input and output must not overlap unless a function says that it works in place.
// - Each call runs on the calling thread alone, keeps no state and may run at the same time as any other.
// - Element (i, j) of a product is summed in the same order whatever the number of rows, so a row's result does not
//   depend on what it was batched with. Two levels may differ in the last bits.
#ifndef OPENTIER_VECTOR_MATH_H
#define OPENTIER_VECTOR_MATH_H

#include <stddef.h>
#include <stdint.h>

#include "int16_linear.h"
#include "int8_scan.h"

#ifdef __cplusplus
extern "C" {
#endif

// The instruction sets that kernels exist for. PORTABLE is 128-bit vectors: SSE2 on x86-64, NEON on arm64.
enum {
  VM_LEVEL_PORTABLE = 0,
  VM_LEVEL_AVX2 = 1,
  VM_LEVEL_AVX512 = 2,
};

// Columns in a panel of packed weights.
enum { VM_PANEL = 32 };

// What `vm_linear_f32` does to a sum before it stores it.
enum {
  VM_ACTIVATION_NONE = 0,
  VM_ACTIVATION_GELU = 1,
};

// The highest level this processor and its operating system support.
int vm_best_level(void);

// The level in use: `vm_best_level()` unless it was set.
int vm_current_level(void);

// Uses `level` in the whole process from the next call on; for tests and measurements.
// Returns 0, or -1 where this machine has no such level, and then nothing changes.
int vm_set_level(int level);

// The inner product of two vectors of `n` elements.
float vm_dot_f32(const float *a, const float *b, size_t n);

// scores[i] = the inner product of `query` and row i of `base`.
//   query      dim
//   base       count × dim, rows without gaps
//   out_scores count
void vm_dot_scan_f32(const float *query, const float *base, size_t count, size_t dim, float *out_scores);

// The floats that `vm_pack_weights_f32` writes for `outputs` × `inputs` weights.
size_t vm_packed_count(size_t outputs, size_t inputs);

// Packs weights for `vm_linear_f32`: panels of VM_PANEL outputs, and in each panel VM_PANEL floats an input; the last
// panel is filled with zeros.
//   weights outputs × inputs, the layout of a linear layer (y = W x + b)
//   packed  vm_packed_count(outputs, inputs)
void vm_pack_weights_f32(const float *weights, size_t outputs, size_t inputs, float *packed);

// y = activation(x Wᵀ + bias), a linear layer over `rows` rows.
//   x      rows × inputs, ldx ≥ inputs
//   packed from vm_pack_weights_f32
//   bias   outputs, or NULL for none
//   y      rows × outputs, ldy ≥ outputs
void vm_linear_f32(
  const float *x, size_t ldx, size_t rows, const float *packed, const float *bias, size_t outputs, size_t inputs,
  int activation, float *y, size_t ldy);

// In place: x = x Φ(x), the exact GELU by the error function, not its tanh approximation.
// The error function is formula 7.1.26 of Abramowitz and Stegun, Handbook of Mathematical Functions: absolute error
// of the error function ≤ 1.5e-7 plus rounding, of GELU below 1e-6.
void vm_gelu_f32(float *x, size_t n);

// y = (v - mean(v)) / sqrt(variance(v) + epsilon) * gamma + beta row by row, where v = x + residual.
// y may be x or residual.
//   x, residual, y rows × n without gaps; residual may be NULL
//   gamma, beta    n
void vm_layer_norm_f32(
  const float *x, const float *residual, const float *gamma, const float *beta, float epsilon, size_t rows, size_t n,
  float *y);

// In place, row by row: x = exp(scale x) / Σ exp(scale x), with the row's maximum taken off first.
//   x rows × n, ldx ≥ n, n ≥ 1
void vm_softmax_f32(float *x, size_t rows, size_t n, size_t ldx, float scale);

// The floats of scratch that `vm_attention_f32` needs.
size_t vm_attention_scratch_count(size_t length, size_t head_size);

// Multi-head self-attention over one sequence: out = softmax(Q Kᵀ / sqrt(head_size)) V in each head.
//   qkv     length × (3 heads head_size): in each row all of Q, then K, then V, heads side by side
//   scratch vm_attention_scratch_count(length, head_size)
//   out     length × (heads head_size)
// head_size must be a multiple of VM_PANEL.
void vm_attention_f32(const float *qkv, size_t length, size_t heads, size_t head_size, float *scratch, float *out);

// out[i] = table[ids[i]] + positions[i] + constant: the sum of the input embeddings of one sequence.
//   table     with at least max(ids) + 1 rows of n
//   positions with at least `length` rows of n
//   constant  n
//   out       length × n
void vm_gather_f32(
  const float *table, const int32_t *ids, const float *positions, const float *constant, size_t length, size_t n,
  float *out);

// The mean of `rows` rows of n, scaled to length 1 (a zero mean stays zero). rows ≥ 1.
void vm_mean_unit_f32(const float *x, size_t rows, size_t n, float *out);

#ifdef __cplusplus
}
#endif

#endif
