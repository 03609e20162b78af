#ifndef OPENTIER_LIBPQ_H
#define OPENTIER_LIBPQ_H

#include <libpq-fe.h>

#endif
