/* Repairing a store whose lock the caller holds. */
#ifndef REPAIR_H
#define REPAIR_H

#include <libstore/repair.h>

struct metadata;

/* As ist_repair(), whatever the lock says; it is left as it is. Fills *report, which must be all zero. */
ist_status repair_store(const char *directory, const struct metadata *metadata, ist_repair_report *report,
                        ist_error *error);

#endif
