package memory

// Op is a call of a port.
type Op struct {
	Method string
	Detail string // what it is about: an ID, a number, or the first words of its arguments
	Reads  bool   // it changes nothing
}

// Call carries out a call of a port and returns the error that the caller gets. It calls do at most
// once. An error that it returns instead of do's means that the call failed before it had an effect, or
// that its response was lost. A nil Call only calls do.
type Call func(op Op, do func() error) error

func (c Call) run(op Op, do func() error) error {
	if c == nil {
		return do()
	}
	return c(op, do)
}
