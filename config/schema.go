package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
)

// Schema is the JSON Schema (2020-12) of config.yaml, for editors: every setting with its kind, its values and what it
// is for, those of the given chat services among them.
func Schema(known Known) ([]byte, error) {
	root := object(reflect.TypeFor[Config]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "config.yaml of the gateway"
	properties := map[string]any{}
	patterns := map[string]any{}
	for _, service := range keys(known.Channels) {
		settings := map[string]any{"type": []string{"object", "null"}, "additionalProperties": false}
		if make := known.Channels[service]; make != nil {
			if made := make(); made != nil {
				settings = schemaOf(reflect.TypeOf(made))
			}
		}
		properties[service] = settings
		patterns["^"+regexp.QuoteMeta(service)+":[A-Za-z0-9][A-Za-z0-9._-]*$"] = settings
	}
	channels := root["properties"].(map[string]any)["channels"].(map[string]any)
	channels["properties"], channels["patternProperties"], channels["additionalProperties"] = properties, patterns, false
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("make the schema: %w", err)
	}
	return append(out, '\n'), nil
}

func object(t reflect.Type) map[string]any {
	properties := map[string]any{}
	for _, f := range fieldsOf(t) {
		s := schemaOf(f.typ)
		if f.help != "" {
			s["description"] = f.help
		}
		if len(f.enum) > 0 {
			s["enum"] = f.enum
		}
		properties[f.name] = s
	}
	return map[string]any{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
}

func schemaOf(t reflect.Type) map[string]any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == durationType:
		return map[string]any{"type": []string{"string", "number"}, "pattern": `^([0-9.]+(ns|us|µs|ms|s|m|h))+$`}
	case t == secretType, t == reflect.TypeFor[Size](), reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return map[string]any{"type": []string{"string", "number"}}
	}
	switch t.Kind() {
	case reflect.Struct:
		return object(t)
	case reflect.Map:
		return map[string]any{"type": []string{"object", "null"}, "additionalProperties": schemaOf(t.Elem())}
	case reflect.Slice, reflect.Array:
		return map[string]any{"type": []string{"array", "null"}, "items": schemaOf(t.Elem())}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return map[string]any{"type": "integer", "minimum": 0}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.String:
		return map[string]any{"type": []string{"string", "number"}}
	}
	return map[string]any{}
}
