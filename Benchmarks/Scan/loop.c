// The plain loop that the scan is measured beside: the compiler's own vectors, and nothing kept but the scores.
#include <stddef.h>

void scan(const float *query, const float *base, size_t count, size_t width, float *scores) {
  for (size_t row = 0; row < count; row++) {
    float sum = 0;
    for (size_t i = 0; i < width; i++) sum += query[i] * base[row * width + i];
    scores[row] = sum;
  }
}
