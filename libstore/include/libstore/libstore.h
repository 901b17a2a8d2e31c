/* libstore: recording and reading chunked video stores in the style of imgstore. */
#ifndef LIBSTORE_LIBSTORE_H
#define LIBSTORE_LIBSTORE_H

#include <libstore/align.h>
#include <libstore/edit.h>
#include <libstore/error.h>
#include <libstore/export.h>
#include <libstore/float_stack.h>
#include <libstore/frame.h>
#include <libstore/json.h>
#include <libstore/reader.h>
#include <libstore/recorder.h>
#include <libstore/repair.h>
#include <libstore/source.h>
#include <libstore/time.h>
#include <libstore/writer.h>
#include <libstore/yaml.h>

#endif
