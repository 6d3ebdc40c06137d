{{/* At most 40 characters, so that the longest suffix fits into the 52 of a CronJob. */}}
{{- define "monotron.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Labels that never change: those of selectors, with the component. Call with (dict "root" $ "component" "server"). */}}
{{- define "monotron.selectorLabels" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Labels of all objects. */}}
{{- define "monotron.labels" -}}
{{ include "monotron.selectorLabels" . }}
app.kubernetes.io/part-of: monotron
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "monotron.image" -}}
{{- with .Values.image }}
{{- if .digest }}
{{- printf "%s@%s" .repository .digest }}
{{- else }}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "monotron.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "monotron.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* Not empty if the chart knows a root key. */}}
{{- define "monotron.hasRootKey" -}}
{{- if or .Values.rootKey.secret .Values.rootKey.existingSecret }}true{{ end }}
{{- end }}

{{/* "true": a server creates a root key in an empty store. "false": it does not. Empty: it has a root key. */}}
{{- define "monotron.initRootKey" -}}
{{- if not (kindIs "invalid" .Values.initRootKey) }}
{{- .Values.initRootKey }}
{{- else if not (include "monotron.hasRootKey" .) -}}
true
{{- end }}
{{- end }}

{{/* Not empty if the chart has a Secret of its own. */}}
{{- define "monotron.hasSecret" -}}
{{- if or .Values.rootKey.secret (and (eq .Values.store.type "mongodb") .Values.store.mongodb.url) }}true{{ end }}
{{- end }}

{{/* The start of the specification of every pod. */}}
{{- define "monotron.podDefaults" -}}
automountServiceAccountToken: false
enableServiceLinks: false # they would be MONOTRON_ variables
serviceAccountName: {{ include "monotron.serviceAccountName" . }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext: {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The start of every container. */}}
{{- define "monotron.containerDefaults" -}}
image: {{ include "monotron.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext: {{- toYaml .Values.securityContext | nindent 2 }}
{{- end }}
