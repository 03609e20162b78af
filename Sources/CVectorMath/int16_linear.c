#include "int16_linear.h"
#include "rounding.h"
#include "vector_math.h"

#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static float scale_of(float largest) { return largest > 1e-30f ? largest / VM_INT16_LARGEST : 0; }

void vm_pack_weights_i16(const float *weights, size_t outputs, size_t inputs, int16_t *packed, float *scales) {
  for (size_t j = 0; j < outputs; j++) {
    const float *row = weights + j * inputs;
    float largest = 0;
    for (size_t k = 0; k < inputs; k++) largest = fabsf(row[k]) > largest ? fabsf(row[k]) : largest;
    float scale = scale_of(largest), inverse = scale > 0 ? 1 / scale : 0;
    int16_t *column = packed + j / VM_PANEL * VM_PANEL * inputs + j % VM_PANEL * 2;
    int finite = largest <= 3.0e38f;
    for (size_t k = 0; k < inputs; k++) {
      finite &= fabsf(row[k]) <= 3.0e38f;
      column[k / 2 * 2 * VM_PANEL + k % 2] = finite ? (int16_t)nearest_integer(row[k] * inverse) : 0;
    }
    scales[j] = finite ? scale : NAN;
  }
}

#if defined(__x86_64__)
#define VNNI __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vnni")))

int vm_has_linear_i16(void) {
  if (vm_best_level() != VM_LEVEL_AVX512) return 0;
  return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni");
}

VNNI static void quantise_row(const float *x, size_t n, int16_t *out, float *scale) {
  const __m512 signless = _mm512_castsi512_ps(_mm512_set1_epi32(0x7FFFFFFF));
  __m512 top = _mm512_setzero_ps(), sum = top;
  size_t whole = n - n % 16;
  for (size_t i = 0; i < whole; i += 16) {
    __m512 size = _mm512_castsi512_ps(
      _mm512_and_si512(_mm512_castps_si512(_mm512_loadu_ps(x + i)), _mm512_castps_si512(signless)));
    top = _mm512_max_ps(top, size);
    sum = _mm512_add_ps(sum, size);
  }
  float largest = _mm512_reduce_max_ps(top), total = _mm512_reduce_add_ps(sum);
  for (size_t i = whole; i < n; i++) {
    largest = fabsf(x[i]) > largest ? fabsf(x[i]) : largest;
    total += fabsf(x[i]);
  }
  // The maximum may pass over what is not a number; the sum does not.
  if (!(total <= 3.0e38f)) {
    memset(out, 0, n * sizeof(int16_t));
    *scale = NAN;
    return;
  }
  *scale = scale_of(largest);
  float inverse = *scale > 0 ? 1 / *scale : 0;
  for (size_t i = 0; i < whole; i += 16) {
    __m512i quanta = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + i), _mm512_set1_ps(inverse)));
    _mm256_storeu_si256((__m256i *)(out + i), _mm512_cvtepi32_epi16(quanta));
  }
  for (size_t i = whole; i < n; i++) out[i] = (int16_t)nearest_integer(x[i] * inverse);
}

void vm_quantise_rows_i16(const float *x, size_t rows, size_t n, int16_t *out, float *scales) {
  for (size_t r = 0; r < rows; r++) quantise_row(x + r * n, n, out + r * n, scales + r);
}

// Rows in a tile: 28 sums, two columns and a row of 32 registers.
enum { ROWS = 14 };

// Inputs that the weights are fetched ahead, 2 KB: a short text reads all of them once from the last-level cache, which
// without this is twice as slow as the sums.
enum { AHEAD = 32 };

// As an instruction and not as the intrinsic, which Clang takes apart into two that are half as fast.
#define ADD_PRODUCTS(sum, x, y) __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(y))

VNNI static inline __attribute__((always_inline)) void tile(
  const int rows, const int16_t *x, const float *row_scales, const int16_t *packed, const float *scales,
  const float *bias, size_t inputs, float *y, size_t ldy) {
  __m512 totals[ROWS][2];
  for (size_t first = 0; first < inputs; first += VM_INT16_BLOCK) {
    size_t end = first + VM_INT16_BLOCK < inputs ? first + VM_INT16_BLOCK : inputs;
    __m512i sums[ROWS][2];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) sums[r][0] = sums[r][1] = _mm512_setzero_si512();
    for (size_t k = first; k < end; k += 2, packed += 2 * VM_PANEL) {
      __m512i w0 = _mm512_loadu_si512(packed), w1 = _mm512_loadu_si512(packed + VM_PANEL);
      _mm_prefetch((const char *)(packed + AHEAD * VM_PANEL), _MM_HINT_T0);
      _mm_prefetch((const char *)(packed + (AHEAD + 1) * VM_PANEL), _MM_HINT_T0);
#pragma clang loop unroll(full)
      for (int r = 0; r < rows; r++) {
        int32_t pair;
        memcpy(&pair, x + (size_t)r * inputs + k, sizeof pair);
        __m512i value = _mm512_set1_epi32(pair);
        ADD_PRODUCTS(sums[r][0], value, w0);
        ADD_PRODUCTS(sums[r][1], value, w1);
      }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
      for (int h = 0; h < 2; h++) {
        __m512 block = _mm512_cvtepi32_ps(sums[r][h]);
        totals[r][h] = first == 0 ? block : _mm512_add_ps(totals[r][h], block);
      }
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
    for (int h = 0; h < 2; h++) {
      __m512 scale = _mm512_mul_ps(_mm512_set1_ps(row_scales[r]), _mm512_loadu_ps(scales + 16 * h));
      _mm512_storeu_ps(
        y + (size_t)r * ldy + 16 * h, _mm512_fmadd_ps(totals[r][h], scale, _mm512_loadu_ps(bias + 16 * h)));
    }
}

VNNI static void tile_of(
  int rows, const int16_t *x, const float *row_scales, const int16_t *packed, const float *scales, const float *bias,
  size_t inputs, float *y, size_t ldy) {
  switch (rows) {
#define TILE(r) \
  case r: tile(r, x, row_scales, packed, scales, bias, inputs, y, ldy); break;
    TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7)
    TILE(8) TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)
#undef TILE
  }
}

void vm_linear_i16(
  const int16_t *x, const float *row_scales, size_t rows, const int16_t *packed, const float *scales,
  const float *bias, size_t outputs, size_t inputs, float *y) {
  // Tiles of nearly equal height, as in kernels.h.
  size_t tiles = (rows + ROWS - 1) / ROWS;
  for (size_t j = 0; j < outputs; j += VM_PANEL)
    for (size_t t = 0; t < tiles; t++) {
      size_t first = rows * t / tiles, height = rows * (t + 1) / tiles - first;
      tile_of(
        (int)height, x + first * inputs, row_scales + first, packed + j * inputs, scales + j, bias + j, inputs,
        y + first * outputs + j, outputs);
    }
}
#else
int vm_has_linear_i16(void) { return 0; }

void vm_quantise_rows_i16(const float *x, size_t rows, size_t n, int16_t *out, float *scales) {
  __builtin_trap();  // `vm_has_linear_i16` says that there is no such kernel here
}

void vm_linear_i16(
  const int16_t *x, const float *row_scales, size_t rows, const int16_t *packed, const float *scales,
  const float *bias, size_t outputs, size_t inputs, float *y) {
  __builtin_trap();
}
#endif
