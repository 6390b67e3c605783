#include "base/version.h"

const char gw_version[] = GW_VERSION;
