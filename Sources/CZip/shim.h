// libzip, for Swift.
#ifndef OPENTIER_CZIP_H
#define OPENTIER_CZIP_H
#include <zip.h>
#endif
