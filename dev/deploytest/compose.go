package deploytest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// Compose is docker-compose.yml, read as docker compose does.
type Compose struct{ project *types.Project }

// Load reads the file below root with the variables of an env file.
func Load(ctx context.Context, root, envFile string, profiles ...string) (*Compose, error) {
	return loadWith(ctx, root, envFile, "", profiles...)
}

// loadWith also reads an override, unless its text is empty.
func loadWith(ctx context.Context, root, envFile, override string, profiles ...string) (*Compose, error) {
	file := filepath.Join(root, "docker-compose.yml")
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	files := []types.ConfigFile{{Filename: file, Content: text}}
	if override != "" {
		files = append(files, types.ConfigFile{Filename: filepath.Join(root, "docker-compose.override.yml"), Content: []byte(override)})
	}
	variables, err := dotenv.Read(envFile)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", envFile, err)
	}
	project, err := loader.LoadWithContext(ctx, types.ConfigDetails{
		WorkingDir:  root,
		ConfigFiles: files,
		Environment: variables,
	}, func(o *loader.Options) { o.Profiles = profiles })
	if err != nil {
		return nil, err
	}
	return &Compose{project}, nil
}

// Command returns the command of a service with its arguments. It fails if there is no such service.
func (c *Compose) Command(service string) ([]string, error) {
	s, err := c.project.GetService(service)
	return s.Command, err
}

// Environ is the environment of a service, as NAME=value entries.
func (c *Compose) Environ(service string) ([]string, error) {
	s, err := c.project.GetService(service)
	if err != nil {
		return nil, err
	}
	var entries []string
	for name, value := range s.Environment {
		if value != nil { // a variable that is passed on from nowhere is left out
			entries = append(entries, name+"="+*value)
		}
	}
	slices.Sort(entries)
	return entries, nil
}
