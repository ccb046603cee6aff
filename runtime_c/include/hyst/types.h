/* SPDX-License-Identifier: Apache-2.0 */
/* Codes of element encodings, output kinds and weight layouts in params structs. */
#ifndef HYST_TYPES_H
#define HYST_TYPES_H

enum {
    HYST_B1 = 0,  /* one bit: 1 means +1, 0 means -1 */
    HYST_T2 = 1,  /* positive plane, then negative plane; 11 reads as 0 */
    HYST_U8 = 2,
    HYST_I8 = 3,
    HYST_I16 = 4,
    HYST_I32 = 5,
    HYST_F32 = 6
};

enum { HYST_OUT_I32 = 0, HYST_OUT_B1 = 1, HYST_OUT_T2 = 2, HYST_OUT_B1X2 = 3 };

/* HYST_SLICED_CT: the weights of HYST_SLICED, read so that time does not depend on data */
enum { HYST_ROWS = 0, HYST_SLICED = 1, HYST_SLICED_CT = 2 };

#endif
