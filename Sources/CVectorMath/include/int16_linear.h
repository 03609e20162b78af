// Linear layers in 16-bit fixed point, for processors whose 16-bit dot products (AVX-512 VNNI) are twice as fast as
// their 32-bit floating point.
//
// Weights are rounded to 12 bits with a scale an output, rows of input to 12 bits with a scale a row. Products are
// summed in 32-bit integers, which cannot overflow within VM_INT16_BLOCK inputs, and the blocks in floats. A row's
// result does not depend on what it was batched with. The rules of vector_math.h about pointers and threads hold here
// too.
#ifndef OPENTIER_INT16_LINEAR_H
#define OPENTIER_INT16_LINEAR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  // The largest magnitude of a rounded weight or input.
  VM_INT16_LARGEST = 2047,
  // 512 × 2047² is below 2³¹, and 1,024 × 2047² is not.
  VM_INT16_BLOCK = 512,
};

// Whether this processor has the instructions. Without them `vm_linear_i16` must not be called.
int vm_has_linear_i16(void);

// Packs weights for `vm_linear_i16`: panels of VM_PANEL outputs, and in each panel pairs of inputs.
//   weights outputs × inputs; outputs a multiple of VM_PANEL, inputs even
//   packed  outputs × inputs, on a cache line's boundary
//   scales  outputs
void vm_pack_weights_i16(const float *weights, size_t outputs, size_t inputs, int16_t *packed, float *scales);

// Rounds rows of n without gaps.
//   out    rows × n
//   scales rows; not finite where the row is not, so that no result of it is
void vm_quantise_rows_i16(const float *x, size_t rows, size_t n, int16_t *out, float *scales);

// y = x Wᵀ + bias over rows without gaps.
//   x, row_scales     from vm_quantise_rows_i16
//   packed, scales    from vm_pack_weights_i16
//   bias              outputs
//   y                 rows × outputs
void vm_linear_i16(
  const int16_t *x, const float *row_scales, size_t rows, const int16_t *packed, const float *scales,
  const float *bias, size_t outputs, size_t inputs, float *y);

#ifdef __cplusplus
}
#endif

#endif
