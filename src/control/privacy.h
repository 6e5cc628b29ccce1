/* SPDX-License-Identifier: Apache-2.0 */
/* privacy.h - PRIVACY.txt: what the platform keeps about those who use it, in words */
#ifndef EVIDENCEFS_CONTROL_PRIVACY_H
#define EVIDENCEFS_CONTROL_PRIVACY_H

/** privacy_built_in() - the text where the operator has none of his own. */
const char *privacy_built_in(void);

#endif
