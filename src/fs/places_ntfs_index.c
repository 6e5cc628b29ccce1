#include "fs/places.h"
