/* SPDX-License-Identifier: Apache-2.0 */
/* What generated entry points return. Kernels return nothing: they cannot fail. */
#ifndef HYST_STATUS_H
#define HYST_STATUS_H

/* cffi:begin */
typedef enum hyst_status {
    HYST_OK = 0,
    HYST_ABSTAIN = -1,      /* the model declines to name a class */
    HYST_ERR_NULL = -2,     /* a required pointer is NULL */
    HYST_ERR_NAN = -3,      /* a float input holds a NaN */
    HYST_ERR_ALIGN = -4,    /* a buffer or image is not aligned */
    HYST_ERR_STATE = -5,    /* context not initialised, or call out of order */
    HYST_ERR_IMAGE = -6,    /* container or checksum of an image does not match */
    HYST_ERR_SELFTEST = -7, /* a golden vector came out differently */
    HYST_ERR_UNCORRECTABLE = -8 /* memory holds a word that its code cannot correct */
} hyst_status;
/* cffi:end */

#endif
