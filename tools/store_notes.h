/* What the tools say of every store that they work through. */
#ifndef STORE_NOTES_H
#define STORE_NOTES_H

#include <libstore/reader.h>

/* Notes (cli_note()) which chunks are missing, or have no index: their frames are not among those that are read. */
void note_left_out(const ist_reader *reader);

#endif
