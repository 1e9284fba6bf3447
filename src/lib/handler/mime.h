// SPDX-License-Identifier: MIT
#pragma once
/*
 * Media types by file name extension.
 *
 * Threads: pure, any; the table is constant.
 */
#include "base/base.h"

/** The Content-Type for a file of this name ("/css/site.CSS"): by what follows the last dot of its
 *  last segment, in any case; "application/octet-stream" if that is unknown or there is none. Text
 *  comes with charset=utf-8. Static storage. */
struct jst_slice jst_mime_type(struct jst_slice name);
