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
{{- $service := printf "%s.%s.svc" $name .root.Release.Namespace -}}
{{- $names := list $name (printf "%s.%s" $name .root.Release.Namespace) $service (printf "%s.%s" $service .root.Values.cluster.domain) -}}
{{- if eq .component "server" -}}
{{- /* A person who forwards a port calls localhost. */ -}}
{{- $names = concat $names (list "localhost") .root.Values.tls.serverNames -}}
{{- end -}}
{{ toJson $names }}
{{- end }}

{{- /* The certificates that are made here, by component; made once in a rendering, since each making differs. */ -}}
{{- define "headwater.generate" -}}
{{- if not (hasKey .Values "generatedTls") -}}
{{- $namespace := .Release.Namespace -}}
{{- $days := int .Values.tls.generated.days -}}
{{- $caSecret := include "headwater.name" (dict "root" . "component" "ca") -}}
{{- $kept := lookup "v1" "Secret" $namespace $caSecret -}}
{{- $ca := dict -}}
{{- if $kept -}}
{{- $ca = buildCustomCert (index $kept.data "tls.crt") (index $kept.data "tls.key") -}}
{{- else -}}
{{- $ca = genCA (printf "%s-%s" $namespace $caSecret) $days -}}
{{- end -}}
{{- $made := dict "ca" (dict "tls.crt" (b64enc $ca.Cert) "tls.key" (b64enc $ca.Key)) -}}
{{- range $component := list "server" "webhook" -}}
{{- $names := include "headwater.tlsNames" (dict "root" $ "component" $component) -}}
{{- $old := lookup "v1" "Secret" $namespace (include "headwater.tlsSecret" (dict "root" $ "component" $component)) -}}
{{- $oldNames := dig "metadata" "annotations" "headwater.dev/names" "" (default dict $old) -}}
{{- if and $kept $old (eq $oldNames $names) (eq (dig "data" "ca.crt" "" $old) (b64enc $ca.Cert)) -}}
{{- $_ := set $made $component $old.data -}}
{{- else -}}
{{- $own := genSignedCert (first (fromJsonArray $names)) (list "127.0.0.1") (fromJsonArray $names) $days $ca -}}
{{- $data := dict "tls.crt" (b64enc $own.Cert) "tls.key" (b64enc $own.Key) "ca.crt" (b64enc $ca.Cert) -}}
{{- $_ := set $made $component $data -}}
{{- end -}}
{{- end -}}
{{- $_ := set .Values "generatedTls" $made -}}
{{- end -}}
{{- end }}

{{- /* What the API server checks the webhook with, as a caBundle; nothing where cert-manager puts it there. */ -}}
{{- define "headwater.webhookCa" -}}
{{- if eq .Values.tls.mode "generated" -}}
{{- include "headwater.generate" . -}}
{{ index .Values.generatedTls.webhook "ca.crt" }}
{{- else if eq .Values.tls.mode "existing" -}}
{{ b64enc .Values.tls.existing.webhookCa }}
{{- end -}}
{{- end }}
