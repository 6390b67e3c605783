/* What `moongate version` says; given by the Makefile from git. */
#ifndef GW_BASE_VERSION_H
#define GW_BASE_VERSION_H

extern const char gw_version[];

#endif
