{{/* Certificates: made here and kept, made by cert-manager, or supplied. */}}

{{- define "headwater.tlsSecret" -}}
{{- $existing := index .root.Values.tls.existing (printf "%sSecret" .component) -}}
{{- if eq .root.Values.tls.mode "existing" -}}
{{ $existing }}
{{- else -}}
{{ include "headwater.name" . }}-tls
{{- end -}}
{{- end }}

{{- /* The names that a certificate has to have, as JSON: the first is its common name. */ -}}
{{- define "headwater.tlsNames" -}}
{{- $name := include "headwater.name" . -}}
{{- $service := printf "%s.%s.svc" $name (include "headwater.namespace" .root) -}}
{{- $names := list $name (printf "%s.%s" $name (include "headwater.namespace" .root)) $service (printf "%s.%s" $service .root.Values.cluster.domain) -}}
{{- if eq .component "server" -}}
{{- /* A person who forwards a port calls localhost. */ -}}
{{- $names = concat $names (list "localhost") .root.Values.tls.serverNames -}}
{{- end -}}
{{ toJson $names }}
{{- end }}

{{- /* The certificates that are made here, by component; made once in a rendering, since each making differs.

A CA is renewed in two steps, by the numbers `ca` and `signer` of the values, which the CA's Secret keeps as annotations:
first a further one is made (next.crt) and trusted beside the one that signs (tls.crt), then it signs. The one that signed
before (previous.crt) is trusted until there is a further one. ca.crt has all that are trusted. */ -}}
{{- define "headwater.generate" -}}
{{- if not (hasKey .Values "generatedTls") -}}
{{- $namespace := include "headwater.namespace" . -}}
{{- $days := int .Values.tls.generated.days -}}
{{- $ca := .Values.tls.generated.ca | int | toString -}}
{{- $signer := .Values.tls.generated.signer | int | toString -}}
{{- $name := include "headwater.name" (dict "root" . "component" "ca") -}}
{{- $kept := default dict (lookup "v1" "Secret" $namespace $name) -}}
{{- $data := default dict $kept.data -}}
{{- $keptCa := dig "metadata" "annotations" "headwater.dev/ca" "1" $kept -}}
{{- $keptSigner := dig "metadata" "annotations" "headwater.dev/signer" "1" $kept -}}
{{- $previous := ternary (get $data "previous.crt") "" (eq $ca $keptCa) -}}
{{- $signing := dict -}}
{{- if and $data (eq $signer $keptSigner) -}}
{{- $signing = buildCustomCert (get $data "tls.crt") (get $data "tls.key") -}}
{{- else -}}
{{- $previous = get $data "tls.crt" -}}
{{- if and (hasKey $data "next.crt") (eq $signer $keptCa) -}}
{{- $signing = buildCustomCert (get $data "next.crt") (get $data "next.key") -}}
{{- else -}}
{{- $signing = genCA (printf "%s-%s-%s" $namespace $name $signer) $days -}}
{{- end -}}
{{- end -}}
{{- $own := dict "tls.crt" (b64enc $signing.Cert) "tls.key" (b64enc $signing.Key) -}}
{{- $trusted := $signing.Cert -}}
{{- if ne $ca $signer -}}
{{- $next := dict -}}
{{- if and (hasKey $data "next.crt") (eq $ca $keptCa) -}}
{{- $next = buildCustomCert (get $data "next.crt") (get $data "next.key") -}}
{{- else -}}
{{- $next = genCA (printf "%s-%s-%s" $namespace $name $ca) $days -}}
{{- end -}}
{{- $own = merge $own (dict "next.crt" (b64enc $next.Cert) "next.key" (b64enc $next.Key)) -}}
{{- $trusted = print $trusted $next.Cert -}}
{{- end -}}
{{- if $previous -}}
{{- $_ := set $own "previous.crt" $previous -}}
{{- $trusted = print $trusted (b64dec $previous) -}}
{{- end -}}
{{- $_ := set $own "ca.crt" (b64enc $trusted) -}}
{{- $made := dict "ca" (dict "data" $own "annotations" (dict "headwater.dev/ca" $ca "headwater.dev/signer" $signer)) -}}
{{- range $component := list "server" "webhook" -}}
{{- $names := include "headwater.tlsNames" (dict "root" $ "component" $component) -}}
{{- $annotations := dict "headwater.dev/names" $names "headwater.dev/signed-by" (sha256sum $signing.Cert | trunc 16) -}}
{{- $old := default dict (lookup "v1" "Secret" $namespace (include "headwater.tlsSecret" (dict "root" $ "component" $component))) -}}
{{- $pair := pick (default dict $old.data) "tls.crt" "tls.key" -}}
{{- if not (and $data $pair (eq (toJson $annotations) (pick (dig "metadata" "annotations" dict $old) "headwater.dev/names" "headwater.dev/signed-by" | toJson))) -}}
{{- $fresh := genSignedCert (first (fromJsonArray $names)) (list "127.0.0.1") (fromJsonArray $names) $days $signing -}}
{{- $pair = dict "tls.crt" (b64enc $fresh.Cert) "tls.key" (b64enc $fresh.Key) -}}
{{- end -}}
{{- $_ := set $made $component (dict "data" (merge $pair (dict "ca.crt" (b64enc $trusted))) "annotations" $annotations) -}}
{{- end -}}
{{- $_ := set .Values "generatedTls" $made -}}
{{- end -}}
{{- end }}

{{- /* What the API server checks the webhook with, as a caBundle; nothing where cert-manager puts it there. */ -}}
{{- define "headwater.webhookCa" -}}
{{- if eq .Values.tls.mode "generated" -}}
{{- include "headwater.generate" . -}}
{{ index .Values.generatedTls.webhook.data "ca.crt" }}
{{- else if eq .Values.tls.mode "existing" -}}
{{ b64enc .Values.tls.existing.webhookCa }}
{{- end -}}
{{- end }}
