package config

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// file parses the path of a readable file whose content check accepts. The error of check says what
// is expected.
func file(field func(*Config) *string, check func(content []byte) error) setter {
	return func(c *Config, text string) error {
		path := absolute(text)
		content, err := ReadFile(path)
		if err != nil {
			if errors.Is(err, errMissing) {
				return errors.New("the path of a file that exists")
			}
			return fmt.Errorf("the path of a file that can be read, not of one %w", err)
		}
		if err := check(content); err != nil {
			return err
		}
		*field(c) = path
		return nil
	}
}

func anyContent([]byte) error { return nil }

// authorities accepts PEM certificates, of which at least one is valid now.
func authorities(content []byte) error {
	list, err := certificates(content)
	if err != nil {
		return fmt.Errorf("the path of a file with certificates in PEM form: %w", err)
	}
	for _, c := range list {
		if err = valid(c, time.Now()); err == nil {
			return nil
		}
	}
	return fmt.Errorf("the path of a file with valid certificates: %w", err)
}

// certificate accepts a PEM certificate that is valid now, as the first block of the file.
func certificate(content []byte) error {
	list, err := certificates(content)
	if err == nil {
		err = valid(list[0], time.Now())
	}
	if err != nil {
		return fmt.Errorf("the path of a file with a valid certificate in PEM form: %w", err)
	}
	return nil
}

// privateKey accepts a PEM key.
func privateKey(content []byte) error {
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
			return nil
		case "ENCRYPTED PRIVATE KEY":
			return errors.New("the path of a file with a private key that is not encrypted")
		}
	}
	return errors.New("the path of a file with a private key in PEM form")
}

// certificates returns the certificates of a PEM file.
func certificates(content []byte) (list []*x509.Certificate, err error) {
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("number %d cannot be read", len(list)+1)
		}
		list = append(list, c)
	}
	if len(list) == 0 {
		return nil, errors.New("it holds no certificate")
	}
	return list, nil
}

// valid returns an error if a certificate has expired or is not valid yet.
func valid(c *x509.Certificate, now time.Time) error {
	switch {
	case now.After(c.NotAfter):
		return fmt.Errorf("the certificate of %s expired at %s", c.Subject, c.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(c.NotBefore):
		return fmt.Errorf("the certificate of %s is valid only from %s on", c.Subject, c.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}
