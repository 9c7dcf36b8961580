// Package badinput reads tables of bad input and of the exact words in which each is
// refused. Only tests import it: every surface that takes input from outside has such a
// table in its testdata, to be read by people who wonder what they would be told.
//
// A table has entries of three parts:
//
//	what is wrong
//		the input, on one or several lines
//		=> what the user reads, on one or several lines
//
// In an input, <300 x> stands for so many times that text, and <byte ff> for a byte. Lines
// that begin with # are comments.
package badinput
