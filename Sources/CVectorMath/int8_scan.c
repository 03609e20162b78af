#include "int8_scan.h"
#include "rounding.h"
#include "vector_math.h"

#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { BIAS = 128, HIGH = 128 };

size_t vm_quantised_count(size_t n) { return (n + VM_QUANTISED_STEP - 1) / VM_QUANTISED_STEP * VM_QUANTISED_STEP; }

// The largest magnitude, or infinity where a value is not finite.
static float largest_magnitude(const float *x, size_t n) {
  float largest = 0;
  for (size_t i = 0; i < n; i++) {
    float size = fabsf(x[i]);
    if (!(size <= 3.0e38f)) return INFINITY;
    if (size > largest) largest = size;
  }
  return largest;
}

// A length from its square, rounded up.
static float length_of(double square) { return (float)(sqrt(square) * (1 + 1e-6)); }

void vm_quantise_row(
  const float *x, size_t n, uint8_t *out_bytes, float *out_scale, float *out_error, float *out_length) {
  float largest = largest_magnitude(x, n);
  int finite = largest <= 3.0e38f;
  // Below this the quotient could overflow; such a row is all but zero, and its length is its error.
  float scale = finite && largest > 1e-30f ? largest / 127 : 0, inverse = scale > 0 ? 1 / scale : 0;
  memset(out_bytes, BIAS, vm_quantised_count(n));
  double error = 0, length = 0;
  for (size_t i = 0; finite && i < n; i++) {
    float quantum = nearest_integer(x[i] * inverse);
    out_bytes[i] = (uint8_t)((int)quantum + BIAS);
    double rest = (double)x[i] - (double)scale * quantum;
    error += rest * rest;
    length += (double)x[i] * x[i];
  }
  *out_scale = scale;
  *out_error = finite ? length_of(error) : INFINITY;
  *out_length = finite ? length_of(length) : INFINITY;
}

void vm_quantise_query(
  const float *x, size_t n, int8_t *out_parts, float *out_scale, float *out_error, float *out_length) {
  size_t padded = vm_quantised_count(n);
  float largest = largest_magnitude(x, n);
  int finite = largest <= 3.0e38f;
  float scale = finite && largest > 1e-30f ? largest / (127 * HIGH) : 0, inverse = scale > 0 ? 1 / scale : 0;
  memset(out_parts, 0, 2 * padded);
  double error = 0, length = 0;
  for (size_t i = 0; finite && i < n; i++) {
    int quantum = (int)nearest_integer(x[i] * inverse);
    if (quantum > 127 * HIGH) quantum = 127 * HIGH;
    if (quantum < -127 * HIGH) quantum = -127 * HIGH;
    int high = (quantum + HIGH / 2 + 127 * HIGH) / HIGH - 127;  // rounded to the nearest, halves upward
    out_parts[i] = (int8_t)high;
    out_parts[padded + i] = (int8_t)(quantum - high * HIGH);
    double rest = (double)x[i] - (double)scale * quantum;
    error += rest * rest;
    length += (double)x[i] * x[i];
  }
  *out_scale = scale;
  *out_error = finite ? length_of(error) : INFINITY;
  *out_length = finite ? length_of(length) : INFINITY;
}

static void portable_scan(
  const int8_t *parts, float query_scale, const uint8_t *rows, const float *scales, size_t count, size_t padded,
  float *out_scores) {
  for (size_t row = 0; row < count; row++, rows += padded) {
    double total = 0;
    // Steps keep the 32-bit sums far from overflow whatever the length.
    for (size_t i = 0; i < padded; i += VM_QUANTISED_STEP) {
      int32_t high = 0, low = 0;
      for (size_t j = i; j < i + VM_QUANTISED_STEP; j++) {
        int32_t value = (int32_t)rows[j] - BIAS;
        high += value * parts[j];
        low += value * parts[padded + j];
      }
      total += (double)(high * HIGH + low);
    }
    out_scores[row] = (float)(total * query_scale * scales[row]);
  }
}

#if defined(__x86_64__)
// 16 products of 16-bit values an instruction: the bytes are widened first, because the 8-bit product of AVX2
// saturates.
__attribute__((target("avx2,fma"))) static void avx2_scan(
  const int8_t *parts, float query_scale, const uint8_t *rows, const float *scales, size_t count, size_t padded,
  float *out_scores) {
  const __m256i bias = _mm256_set1_epi16(BIAS);
  for (size_t row = 0; row < count; row++, rows += padded) {
    __m256 total = _mm256_setzero_ps();
    for (size_t i = 0; i < padded; i += VM_QUANTISED_STEP) {
      __m256i high = _mm256_setzero_si256(), low = high;
      for (size_t j = i; j < i + VM_QUANTISED_STEP; j += 16) {
        __m256i value = _mm256_sub_epi16(
          _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(rows + j))), bias);
        __m256i h = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(parts + j)));
        __m256i l = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(parts + padded + j)));
        high = _mm256_add_epi32(high, _mm256_madd_epi16(value, h));
        low = _mm256_add_epi32(low, _mm256_madd_epi16(value, l));
      }
      __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(high, 7), low);
      total = _mm256_add_ps(total, _mm256_cvtepi32_ps(sum));
    }
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(total), _mm256_extractf128_ps(total, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    half = _mm_add_ss(half, _mm_movehdup_ps(half));
    out_scores[row] = _mm_cvtss_f32(half) * query_scale * scales[row];
  }
}

#define VNNI __attribute__((target("avx2,fma,avx512f,avx512vnni")))

// The sums of four registers' lanes, side by side.
VNNI static inline __m128 sums_of(__m512 a, __m512 b, __m512 c, __m512 d) {
  __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
  __m512 all = _mm512_add_ps(
    _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd))),
    _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd))));
  __m256 half = _mm256_add_ps(
    _mm512_castps512_ps256(all), _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(all), 1)));
  return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

// Each lane starts at what the bias of its bytes adds, negated, so that the sums are those of signed bytes. A lane
// gets four products of at most 255 × 127 a step, so that 32 bits last for 16,000 steps: a million dimensions.

VNNI static void vnni_scan(
  const int8_t *parts, float query_scale, const uint8_t *rows, const float *scales, size_t count, size_t padded,
  float *out_scores) {
  const __m512i biases = _mm512_set1_epi8((char)BIAS);
  __m512i start_high = _mm512_setzero_si512(), start_low = start_high;
  for (size_t i = 0; i < padded; i += VM_QUANTISED_STEP) {
    start_high = _mm512_dpbusd_epi32(start_high, biases, _mm512_loadu_si512(parts + i));
    start_low = _mm512_dpbusd_epi32(start_low, biases, _mm512_loadu_si512(parts + padded + i));
  }
  start_high = _mm512_sub_epi32(_mm512_setzero_si512(), start_high);
  start_low = _mm512_sub_epi32(_mm512_setzero_si512(), start_low);
  for (size_t row = 0; row < count; row += 4) {
    size_t here = count - row < 4 ? count - row : 4;
    __m512i high[4], low[4];
    const uint8_t *p[4];
    for (size_t r = 0; r < 4; r++) {
      high[r] = start_high;
      low[r] = start_low;
      p[r] = rows + (row + (r < here ? r : 0)) * padded;
    }
    for (size_t i = 0; i < padded; i += VM_QUANTISED_STEP) {
      __m512i h = _mm512_loadu_si512(parts + i), l = _mm512_loadu_si512(parts + padded + i);
#pragma clang loop unroll(full)
      for (size_t r = 0; r < 4; r++) {
        __m512i value = _mm512_loadu_si512(p[r] + i);
        // Eight rows ahead: the processor's own prefetch stops at the end of each page. Beyond the last row it is idle.
        _mm_prefetch((const char *)(p[r] + i + 8 * padded), _MM_HINT_T0);
        high[r] = _mm512_dpbusd_epi32(high[r], value, h);
        low[r] = _mm512_dpbusd_epi32(low[r], value, l);
      }
    }
    __m512 sums[4];
    for (size_t r = 0; r < 4; r++)
      sums[r] = _mm512_fmadd_ps(
        _mm512_cvtepi32_ps(high[r]), _mm512_set1_ps(HIGH), _mm512_cvtepi32_ps(low[r]));
    float totals[4];
    _mm_storeu_ps(totals, sums_of(sums[0], sums[1], sums[2], sums[3]));
    for (size_t r = 0; r < here; r++) out_scores[row + r] = totals[r] * query_scale * scales[row + r];
  }
}
#endif

int vm_scan_uses_vnni(void) {
#if defined(__x86_64__)
  return vm_current_level() == VM_LEVEL_AVX512 && __builtin_cpu_supports("avx512vnni");
#else
  return 0;
#endif
}

void vm_scan_quantised(
  const int8_t *parts, float query_scale, const uint8_t *rows, const float *scales, size_t count, size_t padded,
  float *out_scores) {
#if defined(__x86_64__)
  if (vm_scan_uses_vnni()) return vnni_scan(parts, query_scale, rows, scales, count, padded, out_scores);
  if (vm_current_level() >= VM_LEVEL_AVX2)
    return avx2_scan(parts, query_scale, rows, scales, count, padded, out_scores);
#endif
  portable_scan(parts, query_scale, rows, scales, count, padded, out_scores);
}
