#ifndef OPENTIER_ZLIB_H
#define OPENTIER_ZLIB_H

// Input is const then, as zlib treats it.
#define ZLIB_CONST
#include <zlib.h>

#endif
