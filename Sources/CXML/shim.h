// libxml2's streaming reader, for Swift.
#ifndef OPENTIER_CXML_H
#define OPENTIER_CXML_H
#include <libxml/parser.h>
#include <libxml/xmlreader.h>

// Nothing from the network, no document type definition and no entities but XML's own five; quiet, since what is wrong
// with a file is told to who sent it.
static const int opentier_xml_options = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_COMPACT;
#endif
