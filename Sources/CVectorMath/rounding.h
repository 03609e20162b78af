#ifndef OPENTIER_ROUNDING_H
#define OPENTIER_ROUNDING_H

// To the nearest integer for magnitudes below 2²²: 1.5 × 2²³ leaves no bits for a fraction. `rintf` would be a call.
static inline float nearest_integer(float x) { return x + 12582912.0f - 12582912.0f; }

#endif
