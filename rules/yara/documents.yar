// Documents that carry or start programs: RTF, PDF, OneNote.

// Something a click opens: not the mail as it came, not its body, not a text that is only read.
private rule file_of_its_own {
    condition:
        part_kind != "message"
        and (filename != "" or (part_kind != "text" and part_kind != "html" and part_kind != "calendar"))
        and not extension matches /^\.(txt|log|md|csv|eml|patch|diff|c|h)$/
}

rule rtf_equation_on_open {
    meta:
        author = "sluss"
        description = "An RTF that starts the old equation editor when it is opened"
        severity = "malware"
        reference = "https://msrc.microsoft.com/update-guide/vulnerability/CVE-2017-11882"
    strings:
        $data = "objdata" nocase
        $update = "objupdate" nocase
        $name = "4571756174696f6e" nocase
        $class = "02ce020000000000c000000000000046" nocase
    condition:
        uint32be(0) == 0x7B5C7274 and filesize < 16MB and $data and $update and any of ($name, $class)
}

rule rtf_equation {
    meta:
        author = "sluss"
        description = "An RTF with an object of the old equation editor"
        severity = "info"
        reference = "https://msrc.microsoft.com/update-guide/vulnerability/CVE-2017-11882"
    strings:
        $data = "objdata" nocase
        $name = "4571756174696f6e" nocase
        $class = "02ce020000000000c000000000000046" nocase
    condition:
        uint32be(0) == 0x7B5C7274 and filesize < 16MB and $data and any of ($name, $class)
}

rule rtf_link_on_open {
    meta:
        author = "sluss"
        description = "An RTF that follows a link to an object when it is opened"
        severity = "malware"
        reference = "https://msrc.microsoft.com/update-guide/vulnerability/CVE-2017-0199"
    strings:
        $data = "objdata" nocase
        $update1 = "objupdate" nocase
        $update2 = "objautlink" nocase
        $link = "4f4c45324c696e6b" nocase
        $moniker = "e0c9ea79f9bace118c8200aa004ba90b" nocase
    condition:
        uint32be(0) == 0x7B5C7274 and filesize < 16MB and $data and any of ($update*) and ($link or $moniker)
}

rule rtf_packaged_program {
    meta:
        author = "sluss"
        description = "An RTF with a program or script packed in it"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $data = "objdata" nocase
        $package = "5061636b61676500" nocase
        $name = /2e(657865|736372|687461|6a73|6a7365|766273|766265|777366|626174|636d64|707331|6c6e6b|706966)00/ nocase
    condition:
        uint32be(0) == 0x7B5C7274 and filesize < 64MB and all of them
}

rule rtf_template_from_web {
    meta:
        author = "sluss"
        description = "An RTF that fetches its template from an address"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1221/"
    strings:
        $a = /\{\\\*\\template\s{1,4}(https?:|ftp:|\\\\\\\\[0-9]|\\u-?[0-9])/ nocase
    condition:
        uint32be(0) == 0x7B5C7274 and $a
}

rule rtf_broken_start {
    meta:
        author = "sluss"
        description = "An RTF with an object whose start is broken so that scanners pass it by"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        $data = "objdata" nocase
        $start = /\{\\rt[^f]/
    condition:
        uint32be(0) == 0x7B5C7274 and filesize < 16MB and $start at 0 and $data
}

rule pdf_starts_command {
    meta:
        author = "sluss"
        description = "A PDF that starts a command"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $pdf = "%PDF-"
        $launch = /\/S\s{0,4}\/Launch\b/
        $what = /\/[FP]\s{0,4}\([^)]{0,120}(cmd\.exe|cmd\)|cmd |powershell|mshta|wscript|cscript|rundll32|regsvr32)/ nocase
    condition:
        $pdf in (0..1024) and filesize < 64MB and $launch and $what
}

rule pdf_launches {
    meta:
        author = "sluss"
        description = "A PDF that starts a program or opens a file"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $pdf = "%PDF-"
        $launch = /\/S\s{0,4}\/Launch\b/
        $program = /\/F\s{0,4}\([^)]{0,200}\.(exe|scr|bat|cmd|js|vbs|hta|lnk|com|pif|wsf)\)/ nocase
        $open = "/OpenAction"
    condition:
        $pdf in (0..1024) and filesize < 64MB and $launch and ($program or $open)
}

rule pdf_drops_file {
    meta:
        author = "sluss"
        description = "A PDF whose script saves a file from it and opens that"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $pdf = "%PDF-"
        $export = /exportDataObject\s{0,2}\([^)]{0,200}nLaunch["']?\s{0,2}:\s{0,2}[12]/
    condition:
        $pdf in (0..1024) and $export
}

rule pdf_script_on_open {
    meta:
        author = "sluss"
        description = "A PDF that runs a script when it is opened"
        severity = "info"
        reference = "https://opensource.adobe.com/dc-acrobat-sdk-docs/pdfstandards/PDF32000_2008.pdf"
    strings:
        $pdf = "%PDF-"
        $open1 = "/OpenAction"
        $open2 = "/AA<<"
        $open3 = "/AA <<"
        $script = /\/S\s{0,4}\/JavaScript\b/
    condition:
        $pdf in (0..1024) and filesize < 64MB and any of ($open*) and $script
}

rule pdf_script_exploit_shape {
    meta:
        author = "sluss"
        description = "A PDF whose script looks like an attack on the reader"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1203/"
    strings:
        $pdf = "%PDF-"
        $script = "/JavaScript"
        $a1 = /unescape\s{0,2}\(\s{0,2}["']%u[0-9a-f]{4}%u/ nocase
        $a2 = /Collab\.(getIcon|collectEmailInfo)\s{0,2}\(/
        $a3 = /util\.printf\s{0,2}\(\s{0,2}["']%[0-9]{3}/
        $a4 = /media\.newPlayer\s{0,2}\(\s{0,2}null/
        $a5 = /\beval\s{0,2}\(\s{0,2}(unescape|String\.fromCharCode)/
    condition:
        $pdf in (0..1024) and filesize < 32MB and $script and any of ($a*)
}

rule pdf_carries_program {
    meta:
        author = "sluss"
        description = "A PDF with a program or script attached to it"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $pdf = "%PDF-"
        $file = "/EmbeddedFile"
        $name = /\/U?F\s{0,4}\([^)\r\n]{1,160}\.(exe|scr|pif|jse|vbs|vbe|hta|wsf|bat|cmd|lnk|ps1|cpl|iso|img|vhdx?)\)/ nocase
    condition:
        $pdf in (0..1024) and $file and $name
}

rule pdf_touches_remote_share {
    meta:
        author = "sluss"
        description = "A PDF that opens a file on another machine: it gives away the log-in"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1187/"
    strings:
        $pdf = "%PDF-"
        $a = /\/(GoToR|GoToE|Launch|ImportData|SubmitForm)\b[^>]{0,200}\/F\s{0,4}(<<[^>]{0,80}\/F\s{0,4})?\(\\\\\\\\/
    condition:
        $pdf in (0..1024) and $a
}

rule pdf_hides_names {
    meta:
        author = "sluss"
        description = "A PDF that spells the names of its actions in numbers"
        severity = "malware"
        reference = "https://opensource.adobe.com/dc-acrobat-sdk-docs/pdfstandards/PDF32000_2008.pdf"
    strings:
        $pdf = "%PDF-"
        $a = /\/(J#61|Ja#76|Jav#61|Java#53|JavaS#63|JavaScr#69|#4aava|#4Aava|O#70en|Open#41|#4fpen|#4Fpen|L#61unch|La#75nch|#4caunch|#4Caunch|#4a#61|#4A#61)/
    condition:
        $pdf in (0..1024) and $a
}

rule onenote_carries_program {
    meta:
        author = "sluss"
        description = "A OneNote page with a program, a shortcut or an installer in it"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $a = { E7 16 E3 BD 65 26 11 45 A4 C4 8D 4D 0B 7A 9E AC [20] (4D 5A | 4C 00 00 00 01 14 02 00 | 49 54 53 46 | 4D 53 43 46) }
    condition:
        uint32be(0) == 0xE4525C7B and $a
}

rule onenote_carries_script {
    meta:
        author = "sluss"
        description = "A OneNote page with a script in it"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $a = /\xE7\x16\xE3\xBD\x65\x26\x11\x45\xA4\xC4\x8D\x4D\x0B\x7A\x9E\xAC.{20}.{0,300}(<script|<hta:application|<job[ >]|WScript\.|powershell|@echo off|mshta|CreateObject\()/is
    condition:
        uint32be(0) == 0xE4525C7B and $a
}

rule onenote_names_script {
    meta:
        author = "sluss"
        description = "A OneNote page with a file that is a script by its name"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $store = { E7 16 E3 BD 65 26 11 45 A4 C4 8D 4D 0B 7A 9E AC }
        $hta = ".hta\x00" wide nocase
        $vbs = ".vbs\x00" wide nocase
        $vbe = ".vbe\x00" wide nocase
        $jse = ".jse\x00" wide nocase
        $wsf = ".wsf\x00" wide nocase
        $cmd = ".cmd\x00" wide nocase
        $bat = ".bat\x00" wide nocase
        $scr = ".scr\x00" wide nocase
        $lnk = ".lnk\x00" wide nocase
        $ps1 = ".ps1\x00" wide nocase
        $chm = ".chm\x00" wide nocase
    condition:
        uint32be(0) == 0xE4525C7B and $store and any of ($hta, $vbs, $vbe, $jse, $wsf, $cmd, $bat, $scr, $lnk, $ps1, $chm)
}
