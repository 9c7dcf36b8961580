package app

import "github.com/lazi/lazisync/internal/servicetitan"

// Secret is a value that prints as *** everywhere. Convert it to string to use it.
type Secret = servicetitan.Secret
