#ifndef OPENTIER_ZLIB_H
#define OPENTIER_ZLIB_H

// As it comes: with ZLIB_CONST the structure would differ from the one that other modules of a program see.
#include <zlib.h>

#endif
