package nvrtest

import "strings"

// element is one XML element; attributes and children keep their order.
type element struct {
	name     string
	attrs    []attr
	text     string
	children []*element
}

type attr struct{ name, value string }

// el makes an element with text.
func el(name, text string) *element { return &element{name: name, text: text} }

// parent makes an element with children; nil ones are left out.
func parent(name string, children ...*element) *element {
	return (&element{name: name}).add(children...)
}

// with adds an attribute.
func (e *element) with(name, value string) *element {
	e.attrs = append(e.attrs, attr{name, value})
	return e
}

// add appends children; nil ones are left out.
func (e *element) add(children ...*element) *element {
	for _, c := range children {
		if c != nil {
			e.children = append(e.children, c)
		}
	}
	return e
}

// when leaves an element out.
func when(yes bool, e *element) *element {
	if yes {
		return e
	}
	return nil
}

// child finds the first child of that name, or nil.
func (e *element) child(name string) *element {
	for _, c := range e.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// style is how a device writes XML.
type style struct {
	newline  string
	encoding string // as declared
	raw      bool   // "&" in text stays as it is
	gb2312   bool   // text is written in GB2312

	undeclared bool // without <?xml …?>
}

// document writes e with an XML declaration, one element a line, as devices do.
func (s style) document(e *element) []byte {
	var b strings.Builder
	if !s.undeclared {
		b.WriteString(`<?xml version="1.0" encoding="` + s.encoding + `"?>` + s.newline)
	}
	s.write(&b, e)
	text := b.String()
	if s.gb2312 {
		text = toGB2312(text)
	}
	return []byte(text)
}

func (s style) write(b *strings.Builder, e *element) {
	b.WriteString("<" + e.name)
	for _, a := range e.attrs {
		b.WriteString(" " + a.name + `="` + escape(a.value, false) + `"`)
	}
	switch {
	case e.text == "" && len(e.children) == 0:
		b.WriteString("/>" + s.newline)
		return
	case len(e.children) == 0:
		b.WriteString(">" + escape(e.text, s.raw))
	default:
		b.WriteString(">" + escape(e.text, s.raw) + s.newline)
		for _, c := range e.children {
			s.write(b, c)
		}
	}
	b.WriteString("</" + e.name + ">" + s.newline)
}

func escape(s string, raw bool) string {
	if !raw {
		s = strings.ReplaceAll(s, "&", "&amp;")
	}
	return strings.NewReplacer("<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}

// GB2312Name is a name ("front gate camera") that Config.Encoding "GB2312" can
// write.
const GB2312Name = "前门摄像机"

// toGB2312 encodes the characters of GB2312Name; others but ASCII become "?".
func toGB2312(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch r {
		case '前':
			b.WriteString("\xc7\xb0")
		case '门':
			b.WriteString("\xc3\xc5")
		case '摄':
			b.WriteString("\xc9\xe3")
		case '像':
			b.WriteString("\xcf\xf1")
		case '机':
			b.WriteString("\xbb\xfa")
		default:
			if r > 0x7e {
				r = '?'
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}
