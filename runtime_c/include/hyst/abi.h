/* SPDX-License-Identifier: Apache-2.0 */
/* Version of the contract between generated code and runtime_c: parameter
 * structs, buffer layouts and argument order. Generated code refuses another. */
#ifndef HYST_ABI_H
#define HYST_ABI_H

#define HYST_ABI 1

/* Buffers start on this boundary, bit rows and planes are padded to it. */
#define HYST_ALIGN_BYTES 8

#endif
