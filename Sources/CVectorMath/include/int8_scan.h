// Inner products of 8-bit rows with a query, for the first pass of a search whose candidates are scored again in
// 32-bit floating point. Rows and query are "padded": their length is a multiple of VM_QUANTISED_STEP.
//
// Row i stands for scale[i] × (byte − 128); its error is the length of what rounding took off. By Cauchy–Schwarz
//   |query · row − score| ≤ |query| × row error + query error × (|row| + row error)
// up to the rounding of 32-bit sums, so that a row whose score is further below the worst kept one cannot belong to
// the best. The rules of vector_math.h about pointers, threads and levels hold here too.
#ifndef OPENTIER_INT8_SCAN_H
#define OPENTIER_INT8_SCAN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// The bytes that every instruction set can take at once.
enum { VM_QUANTISED_STEP = 64 };

// `n` rounded up to whole steps.
size_t vm_quantised_count(size_t n);

// The nearest 8-bit row of `n` floats, with the row's own scale.
//   out_bytes  vm_quantised_count(n)
//   out_scale, out_error, out_length  the scale; the length of the rounding error; the length of x, both not too
//     small. A row that is not finite has the scale 0 and an infinite error.
void vm_quantise_row(
  const float *x, size_t n, uint8_t *out_bytes, float *out_scale, float *out_error, float *out_length);

// A query as two 8-bit parts, the high one 128 times the low one, which together hold 15 bits.
//   out_parts  2 × vm_quantised_count(n): the high parts, then the low ones
//   the others as for a row
void vm_quantise_query(
  const float *x, size_t n, int8_t *out_parts, float *out_scale, float *out_error, float *out_length);

// scores[i] = query_scale × scales[i] × Σ parts × (byte − 128) for each of `count` rows without gaps.
//   parts   from vm_quantise_query
//   rows    count × padded; padded = vm_quantised_count(dimensions)
void vm_scan_quantised(
  const int8_t *parts, float query_scale, const uint8_t *rows, const float *scales, size_t count, size_t padded,
  float *out_scores);

// Whether the level in use scans by the processor's 8-bit dot products (AVX-512 VNNI).
int vm_scan_uses_vnni(void);

#ifdef __cplusplus
}
#endif

#endif
