/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witness.h - cosignatures of witnesses (C2SP tlog-cosignature, cosignature/v1)
 *
 * A witness says that it saw a checkpoint, when, and none that contradicts it. Its
 * signature counts only if its key is known here. Pure.
 */
#ifndef EVIDENCEFS_AUDIT_WITNESS_H
#define EVIDENCEFS_AUDIT_WITNESS_H

#include "base/err.h"

/**
 * witness_check() - do witnesses that are known vouch for a checkpoint?
 * @keys: their verifier keys (name+hash+key), blanks between
 * @note: the checkpoint as text, with all its signatures
 *
 * Return: how many have signed, at least 1; -ENOENT none of them; -EBADMSG one of their
 * signatures does not hold; -EINVAL something in @keys is no key of a witness.
 */
int witness_check(const char *keys, const char *note, struct err *e);

#endif
