// The kernels, written once in Clang's vector types. vector_math.c includes this file once a level, with
//   VM_NAME(x)  the level's name for x
//   VM_WIDTH    floats in a vector register
//   VM_ROWS     rows in a tile of the matrix product: VM_ROWS × VM_COLUMNS sums stay in registers
//   VM_TARGET   the attribute that allows the level's instructions
#define VM_COLUMNS (2 * VM_WIDTH)
#define VM_INLINE static inline __attribute__((always_inline)) VM_TARGET

typedef float VM_NAME(vec) __attribute__((ext_vector_type(VM_WIDTH)));
typedef int32_t VM_NAME(ivec) __attribute__((ext_vector_type(VM_WIDTH)));
typedef VM_NAME(vec) VM_NAME(loose) __attribute__((aligned(4), may_alias));
#define vec VM_NAME(vec)
#define ivec VM_NAME(ivec)
#define LOAD(p) (*(const VM_NAME(loose) *)(p))
#define STORE(p, v) (*(VM_NAME(loose) *)(p) = (v))

VM_INLINE float VM_NAME(sum)(vec v) {
#if VM_WIDTH == 16
  __typeof__(v.lo) half = v.lo + v.hi;
  __typeof__(half.lo) quad = half.lo + half.hi;
#elif VM_WIDTH == 8
  __typeof__(v.lo) quad = v.lo + v.hi;
#else
  vec quad = v;
#endif
  return (quad.x + quad.z) + (quad.y + quad.w);
}

VM_INLINE float VM_NAME(largest)(vec v) {
  float result = v[0];
  for (int i = 1; i < VM_WIDTH; i++) result = v[i] > result ? v[i] : result;
  return result;
}

// The first `count` floats, then `fill`.
VM_INLINE vec VM_NAME(load_part)(const float *p, size_t count, float fill) {
  float lanes[VM_WIDTH];
  for (size_t i = 0; i < VM_WIDTH; i++) lanes[i] = i < count ? p[i] : fill;
  return LOAD(lanes);
}

VM_INLINE void VM_NAME(store_part)(float *p, vec v, size_t count) {
  float lanes[VM_WIDTH];
  STORE(lanes, v);
  for (size_t i = 0; i < count; i++) p[i] = lanes[i];
}

// exp for x ≤ 88; below -87 the result is exp(-87). 2ⁿ is put in the exponent's bits, and exp of the rest,
// |r| ≤ ln 2 / 2, is the Taylor polynomial of degree 7 (remainder below 6e-9 of the result).
VM_INLINE vec VM_NAME(exp)(vec x) {
  const float shifter = 12582912.0f;  // 1.5 × 2²³: adding it rounds to an integer that lies in the low bits.
  x = __builtin_elementwise_max(x, (vec)-87.0f);
  vec shifted = x * (vec)1.44269504f + (vec)shifter;
  vec n = shifted - (vec)shifter;
  vec r = x - n * (vec)0.693359375f;
  r = r + n * (vec)2.12194440e-4f;
  vec p = (vec)1.98412698e-4f;
  p = p * r + (vec)1.38888889e-3f;
  p = p * r + (vec)8.33333333e-3f;
  p = p * r + (vec)4.16666667e-2f;
  p = p * r + (vec)1.66666667e-1f;
  p = p * r + (vec)0.5f;
  p = p * r + (vec)1.0f;
  p = p * r + (vec)1.0f;
  return __builtin_bit_cast(vec, __builtin_bit_cast(ivec, p) + (__builtin_bit_cast(ivec, shifted) << 23));
}

// x Φ(x) = max(x, 0) - |x| q / 2 with q = 1 - erf(|x| / √2): no cancellation on either side of zero.
VM_INLINE vec VM_NAME(gelu)(vec x) {
  vec size = __builtin_elementwise_abs(x);
  vec z = size * (vec)0.70710678f;
  vec t = (vec)1.0f / ((vec)1.0f + (vec)0.3275911f * z);
  vec p = (vec)1.061405429f;
  p = p * t + (vec)-1.453152027f;
  p = p * t + (vec)1.421413741f;
  p = p * t + (vec)-0.284496736f;
  p = p * t + (vec)0.254829592f;
  vec q = p * t * VM_NAME(exp)(-(z * z));
  return __builtin_elementwise_max(x, (vec)0.0f) - (vec)0.5f * size * q;
}

VM_TARGET static void VM_NAME(gelu_f32)(float *x, size_t n) {
  size_t i = 0;
  for (; i + VM_WIDTH <= n; i += VM_WIDTH) STORE(x + i, VM_NAME(gelu)(LOAD(x + i)));
  if (i < n) VM_NAME(store_part)(x + i, VM_NAME(gelu)(VM_NAME(load_part)(x + i, n - i, 0.0f)), n - i);
}

// `rows` × VM_COLUMNS sums over k, kept in registers: c = bias + a b.
VM_INLINE void VM_NAME(tile)(
  const int rows, const float *a, size_t lda, const float *b, size_t ldb, size_t k, const float *bias, float *c,
  size_t ldc) {
  vec sums[VM_ROWS][2];
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
    sums[r][0] = LOAD(bias);
    sums[r][1] = LOAD(bias + VM_WIDTH);
  }
  for (size_t p = 0; p < k; p++) {
    vec b0 = LOAD(b), b1 = LOAD(b + VM_WIDTH);
    // 16 rows, 2 KB of packed weights, ahead: a short text reads all weights once from the last-level cache, and the
    // processor's own prefetch stops at the end of each page.
    __builtin_prefetch(b + 16 * ldb);
    if (VM_COLUMNS > 16) __builtin_prefetch(b + 16 * ldb + 16);
    b += ldb;
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
      vec value = (vec)a[(size_t)r * lda + p];
      sums[r][0] = value * b0 + sums[r][0];
      sums[r][1] = value * b1 + sums[r][1];
    }
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
    STORE(c + (size_t)r * ldc, sums[r][0]);
    STORE(c + (size_t)r * ldc + VM_WIDTH, sums[r][1]);
  }
}

VM_TARGET static void VM_NAME(tile_of)(
  int rows, const float *a, size_t lda, const float *b, size_t ldb, size_t k, const float *bias, float *c,
  size_t ldc) {
  switch (rows) {
#define TILE(r) \
  case r: VM_NAME(tile)(r, a, lda, b, ldb, k, bias, c, ldc); break;
    TILE(1) TILE(2) TILE(3) TILE(4)
#if VM_ROWS >= 6
    TILE(5) TILE(6)
#endif
#if VM_ROWS >= 12
    TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12)
#endif
#if VM_ROWS >= 14
    TILE(13) TILE(14)
#endif
#undef TILE
  }
}

// `rows` × `columns` (≤ VM_PANEL) of c = activation(bias + a b), where b has VM_PANEL readable columns a row.
VM_TARGET static void VM_NAME(panel)(
  const float *a, size_t lda, size_t rows, const float *b, size_t ldb, size_t k, const float *bias, size_t columns,
  int activation, float *c, size_t ldc) {
  float padded_bias[VM_PANEL] = {0};
  float padded[VM_ROWS * VM_PANEL];
  if (bias == NULL || columns < VM_PANEL) {
    if (bias != NULL) memcpy(padded_bias, bias, columns * sizeof(float));
    bias = padded_bias;
  }
  // Tiles of nearly equal height: a last tile of one or two rows would wait on the latency of its additions.
  size_t tiles = (rows + VM_ROWS - 1) / VM_ROWS;
  for (size_t t = 0; t < tiles; t++) {
    size_t first = rows * t / tiles, height = rows * (t + 1) / tiles - first;
    float *target = columns == VM_PANEL ? c + first * ldc : padded;
    size_t ld = columns == VM_PANEL ? ldc : VM_PANEL;
    for (size_t j = 0; j < VM_PANEL; j += VM_COLUMNS)
      VM_NAME(tile_of)((int)height, a + first * lda, lda, b + j, ldb, k, bias + j, target + j, ld);
    for (size_t r = 0; r < height; r++) {
      if (activation == VM_ACTIVATION_GELU) VM_NAME(gelu_f32)(target + r * ld, columns);
      if (target == padded) memcpy(c + (first + r) * ldc, padded + r * ld, columns * sizeof(float));
    }
  }
}

VM_TARGET static void VM_NAME(linear_f32)(
  const float *x, size_t ldx, size_t rows, const float *packed, const float *bias, size_t outputs, size_t inputs,
  int activation, float *y, size_t ldy) {
  for (size_t j = 0; j < outputs; j += VM_PANEL) {
    size_t columns = outputs - j < VM_PANEL ? outputs - j : VM_PANEL;
    VM_NAME(panel)(
      x, ldx, rows, packed + j * inputs, VM_PANEL, inputs, bias == NULL ? NULL : bias + j, columns, activation, y + j,
      ldy);
  }
}

VM_TARGET static void VM_NAME(softmax_f32)(float *x, size_t rows, size_t n, size_t ldx, float scale) {
  size_t whole = n - n % VM_WIDTH;
  for (size_t r = 0; r < rows; r++, x += ldx) {
    vec top = VM_NAME(load_part)(x + whole, n - whole, -__builtin_inff());
    for (size_t i = 0; i < whole; i += VM_WIDTH) top = __builtin_elementwise_max(top, LOAD(x + i));
    vec offset = (vec)(VM_NAME(largest)(top) * scale);
    vec total = (vec)0.0f;
    for (size_t i = 0; i < whole; i += VM_WIDTH) {
      vec e = VM_NAME(exp)(LOAD(x + i) * (vec)scale - offset);
      total += e;
      STORE(x + i, e);
    }
    float sum = VM_NAME(sum)(total);
    if (whole < n) {
      vec e = VM_NAME(exp)(VM_NAME(load_part)(x + whole, n - whole, 0.0f) * (vec)scale - offset);
      VM_NAME(store_part)(x + whole, e, n - whole);
      for (size_t i = whole; i < n; i++) sum += x[i];
    }
    float factor = 1.0f / sum;
    for (size_t i = 0; i < n; i++) x[i] *= factor;
  }
}

VM_TARGET static void VM_NAME(layer_norm_f32)(
  const float *x, const float *residual, const float *gamma, const float *beta, float epsilon, size_t rows, size_t n,
  float *y) {
  size_t whole = n - n % VM_WIDTH;
  for (size_t r = 0; r < rows; r++, x += n, y += n) {
    vec total = (vec)0.0f;
    for (size_t i = 0; i < whole; i += VM_WIDTH) {
      vec v = LOAD(x + i);
      if (residual != NULL) v += LOAD(residual + i);
      total += v;
      STORE(y + i, v);
    }
    float sum = VM_NAME(sum)(total);
    for (size_t i = whole; i < n; i++) sum += y[i] = residual == NULL ? x[i] : x[i] + residual[i];
    if (residual != NULL) residual += n;
    float mean = sum / (float)n;
    vec squares = (vec)0.0f;
    for (size_t i = 0; i < whole; i += VM_WIDTH) {
      vec d = LOAD(y + i) - (vec)mean;
      squares += d * d;
    }
    float variance = VM_NAME(sum)(squares);
    for (size_t i = whole; i < n; i++) variance += (y[i] - mean) * (y[i] - mean);
    float factor = 1.0f / sqrtf(variance / (float)n + epsilon);
    for (size_t i = 0; i < whole; i += VM_WIDTH)
      STORE(y + i, (LOAD(y + i) - (vec)mean) * (vec)factor * LOAD(gamma + i) + LOAD(beta + i));
    for (size_t i = whole; i < n; i++) y[i] = (y[i] - mean) * factor * gamma[i] + beta[i];
  }
}

VM_TARGET static float VM_NAME(dot_f32)(const float *a, const float *b, size_t n) {
  vec s0 = (vec)0.0f, s1 = s0, s2 = s0, s3 = s0;
  size_t i = 0;
  for (; i + 4 * VM_WIDTH <= n; i += 4 * VM_WIDTH) {
    s0 = LOAD(a + i) * LOAD(b + i) + s0;
    s1 = LOAD(a + i + VM_WIDTH) * LOAD(b + i + VM_WIDTH) + s1;
    s2 = LOAD(a + i + 2 * VM_WIDTH) * LOAD(b + i + 2 * VM_WIDTH) + s2;
    s3 = LOAD(a + i + 3 * VM_WIDTH) * LOAD(b + i + 3 * VM_WIDTH) + s3;
  }
  for (; i + VM_WIDTH <= n; i += VM_WIDTH) s0 = LOAD(a + i) * LOAD(b + i) + s0;
  float sum = VM_NAME(sum)((s0 + s1) + (s2 + s3));
  for (; i < n; i++) sum += a[i] * b[i];
  return sum;
}

// Four rows at once share each load of the query and keep four streams of memory reads going.
VM_TARGET static void VM_NAME(dot_scan_f32)(
  const float *query, const float *base, size_t count, size_t dim, float *scores) {
  size_t whole = dim - dim % VM_WIDTH, row = 0;
  for (; row + 4 <= count; row += 4) {
    const float *p = base + row * dim;
    vec sums[4] = {(vec)0.0f, (vec)0.0f, (vec)0.0f, (vec)0.0f};
    for (size_t i = 0; i < whole; i += VM_WIDTH) {
      vec q = LOAD(query + i);
#pragma clang loop unroll(full)
      for (size_t r = 0; r < 4; r++) sums[r] = q * LOAD(p + r * dim + i) + sums[r];
    }
#pragma clang loop unroll(full)
    for (size_t r = 0; r < 4; r++) {
      float sum = VM_NAME(sum)(sums[r]);
      for (size_t i = whole; i < dim; i++) sum += query[i] * p[r * dim + i];
      scores[row + r] = sum;
    }
  }
  for (; row < count; row++) {
    const float *p = base + row * dim;
    vec total = (vec)0.0f;
    for (size_t i = 0; i < whole; i += VM_WIDTH) total = LOAD(query + i) * LOAD(p + i) + total;
    float sum = VM_NAME(sum)(total);
    for (size_t i = whole; i < dim; i++) sum += query[i] * p[i];
    scores[row] = sum;
  }
}

static const struct kernels VM_NAME(kernels) = {
  .linear = VM_NAME(linear_f32),
  .panel = VM_NAME(panel),
  .gelu = VM_NAME(gelu_f32),
  .softmax = VM_NAME(softmax_f32),
  .layer_norm = VM_NAME(layer_norm_f32),
  .dot = VM_NAME(dot_f32),
  .dot_scan = VM_NAME(dot_scan_f32),
};

#undef vec
#undef ivec
#undef LOAD
#undef STORE
#undef VM_INLINE
#undef VM_COLUMNS
#undef VM_NAME
#undef VM_WIDTH
#undef VM_ROWS
#undef VM_TARGET
