// Office documents: macros, fields and relations that start something, in the old formats and the new.
// The new formats are zip files: what is looked for here stands in their members, which are scanned one by one.

// Something a click opens: not the mail as it came, not its body, not a text that is only read.
private rule file_of_its_own {
    condition:
        part_kind != "message"
        and (filename != "" or (part_kind != "text" and part_kind != "html" and part_kind != "calendar"))
        and not extension matches /^\.(txt|log|md|csv|eml|patch|diff|c|h)$/
}

rule macro_downloads {
    meta:
        author = "sluss"
        description = "A macro that runs by itself and downloads or starts a script engine"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1059/005/"
    strings:
        $auto1 = "AutoOpen" nocase
        $auto2 = "Document_Open" nocase
        $auto3 = "Workbook_Open" nocase
        $auto4 = "Auto_Open" nocase
        $auto5 = "AutoExec" nocase
        $auto6 = "Document_Close" nocase
        $auto7 = "AutoClose" nocase
        $auto8 = "Presentation_Open" nocase
        $auto9 = "Workbook_Activate" nocase
        $get1 = "URLDownloadToFile" nocase
        $get2 = "MSXML2.XMLHTTP" nocase
        $get3 = "MSXML2.ServerXMLHTTP" nocase
        $get4 = "WinHttp.WinHttpRequest" nocase
        $get5 = "powershell" nocase
        $get6 = "ADODB.Stream" nocase
        $get7 = "Win32_Process" nocase
        $get8 = /mshta(\.exe)?\s{1,4}https?:/ nocase
    condition:
        uint32be(0) == 0xD0CF11E0 and any of ($auto*) and any of ($get*)
}

rule macro_starts_program {
    meta:
        author = "sluss"
        description = "A macro that runs by itself and starts programs"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1059/005/"
    strings:
        $auto1 = "AutoOpen" nocase
        $auto2 = "Document_Open" nocase
        $auto3 = "Workbook_Open" nocase
        $auto4 = "Auto_Open" nocase
        $auto5 = "AutoExec" nocase
        $auto6 = "Document_Close" nocase
        $auto7 = "AutoClose" nocase
        $auto8 = "Presentation_Open" nocase
        $auto9 = "Workbook_Activate" nocase
        $run1 = "WScript.Shell" nocase
        $run2 = "Shell.Application" nocase
        $run3 = "ShellExecute" nocase
        $run4 = "WinExec"
        $run5 = "Shell32.dll" nocase
        $run6 = "winmgmts:" nocase
    condition:
        uint32be(0) == 0xD0CF11E0 and any of ($auto*) and any of ($run*)
}

rule macro_runs_machine_code {
    meta:
        author = "sluss"
        description = "A macro that writes machine code into memory and runs it"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1055/"
    strings:
        $a1 = "VirtualAlloc"
        $a2 = "HeapCreate"
        $b1 = "RtlMoveMemory"
        $b2 = "WriteProcessMemory"
        $b3 = "NtWriteVirtualMemory"
        $c1 = "CreateThread"
        $c2 = "CreateRemoteThread"
        $c3 = "EnumSystemLocales"
        $c4 = "CallWindowProc"
        $c5 = "QueueUserAPC"
        $c6 = "SetTimer"
        $vba = "_VBA_PROJECT" wide
    condition:
        uint32be(0) == 0xD0CF11E0 and $vba and any of ($a*) and any of ($b*) and any of ($c*)
}

rule macro_source_missing {
    meta:
        author = "sluss"
        description = "A macro project with code but without the source it was made from"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1564/007/"
    strings:
        $project = "_VBA_PROJECT" wide
        $code1 = "AutoOpen"
        $code2 = "Document_Open"
        $code3 = "Workbook_Open"
        $code4 = "Auto_Open"
        $source = { 41 74 74 72 69 62 75 74 (00 | 65) }
    condition:
        uint32be(0) == 0xD0CF11E0 and $project and any of ($code*) and not $source
}

rule dde_command {
    meta:
        author = "sluss"
        description = "A field or formula that starts a command through DDE"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1559/002/"
    strings:
        $field = /(DDEAUTO|DDE )\s{0,8}[^\r\n<]{0,120}(cmd\.exe|cmd |powershell|mshta|rundll32|regsvr32|wscript|cscript)/ nocase ascii wide
        $link = /<ddeLink[^>]{0,200}ddeService\s{0,2}=\s{0,2}["'](cmd|powershell|mshta|rundll32|regsvr32|wscript|cscript|msexcel)/ nocase
        $cell = /[=+@-]\s?(cmd\||cmd\.exe\||(powershell|mshta|rundll32|regsvr32|wscript|cscript|msexcel|certutil)(\.exe\||\|))\s?['"&]/ nocase
    condition:
        part_kind != "message" and (part_kind != "text" or filename != "") and part_kind != "html" and filesize < 32MB and any of them
        and not extension matches /^\.(txt|log|md)$/
}

rule dde_field {
    meta:
        author = "sluss"
        description = "A field that asks another program for its content by itself"
        severity = "info"
        reference = "https://attack.mitre.org/techniques/T1559/002/"
    strings:
        $a = /<w:instrText[^>]{0,80}>\s{0,8}DDEAUTO\s/ nocase
        $b = /w:instr\s{0,2}=\s{0,2}["']\s{0,8}DDEAUTO\s/ nocase
    condition:
        filesize < 32MB and any of them
}

rule template_from_web {
    meta:
        author = "sluss"
        description = "A document that fetches its template, and the macros in it, from an address"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1221/"
    strings:
        $a = /relationships\/attachedTemplate["'][^>]{0,300}Target\s{0,2}=\s{0,2}["']https?:/ nocase
        $b = /Target\s{0,2}=\s{0,2}["']https?:[^"'>]{1,400}["'][^>]{0,300}relationships\/attachedTemplate["']/ nocase
    condition:
        filesize < 1MB and any of them
}

rule object_from_web {
    meta:
        author = "sluss"
        description = "A document that fetches an object from an address when it is opened"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1221/"
    strings:
        $a = /relationships\/(oleObject|frame|subDocument)["'][^>]{0,300}Target\s{0,2}=\s{0,2}["'](mhtml:|x-usc:)?https?:/ nocase
        $b = /Target\s{0,2}=\s{0,2}["'](mhtml:|x-usc:)?https?:[^"'>]{1,400}["'][^>]{0,300}relationships\/(oleObject|frame|subDocument)["']/ nocase
    condition:
        filesize < 1MB and any of them
}

rule object_from_web_page {
    meta:
        author = "sluss"
        description = "A document that fetches a page as an object: the way into the HTML engine"
        severity = "malware"
        reference = "https://msrc.microsoft.com/update-guide/vulnerability/CVE-2021-40444"
    strings:
        $a = /Target\s{0,2}=\s{0,2}["'](mhtml:|x-usc:)https?:[^"'>]{1,400}!/ nocase
        $b = /relationships\/oleObject["'][^>]{0,300}Target\s{0,2}=\s{0,2}["']https?:[^"'>]{1,400}!["']/ nocase
        $c = /Target\s{0,2}=\s{0,2}["']script:https?:/ nocase
    condition:
        filesize < 1MB and any of them
}

rule document_touches_remote_share {
    meta:
        author = "sluss"
        description = "A document that fetches something from a share given by address: it gives away the log-in"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1187/"
    strings:
        $a = /Target\s{0,2}=\s{0,2}["'](file:[\/\\]{2,5}|\\\\\\\\|\\\\)[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}[\/\\@][^>]{0,300}TargetMode\s{0,2}=\s{0,2}["']External/ nocase
        $hyperlink = "relationships/hyperlink"
    condition:
        filesize < 1MB and $a and not $hyperlink
}

rule office_packaged_program {
    meta:
        author = "sluss"
        description = "A document with a program or script packed in it"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $package = "Ole10Native" wide
        $name = /\.(exe|scr|pif|com|js|jse|vbs|vbe|hta|wsf|bat|cmd|ps1|lnk|cpl|msi|jar|url|dll)\x00[A-Z]:\\[^\x00]{1,250}\x00/ nocase
    condition:
        uint32be(0) == 0xD0CF11E0 and $package and $name
}

rule xlm_downloads {
    meta:
        author = "sluss"
        description = "A macro sheet of Excel 4.0 that fetches a file"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1059/005/"
    strings:
        $a1 = "JJCCBB" ascii wide
        $a2 = "JJCCJJ" ascii wide
        $b1 = "URLDownloadToFile" nocase ascii wide
        $b2 = "urlmon" nocase ascii wide
        $c1 = "ShellExecute" nocase ascii wide
        $c2 = "Shell32" nocase ascii wide
    condition:
        filesize < 16MB and any of ($a*) and (any of ($b*) or any of ($c*))
}

rule xlm_macro_sheet_acts {
    meta:
        author = "sluss"
        description = "A macro sheet of Excel 4.0 that starts programs or calls Windows"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1059/005/"
    strings:
        $sheet = /<(xm:)?macrosheet\b/ nocase
        $f1 = /<f>[^<]{0,200}\bEXEC\(/ nocase
        $f2 = /<f>[^<]{0,200}\bREGISTER\(/ nocase
        $f3 = /<f>[^<]{0,200}\bCALL\(/ nocase
        $f4 = /<f>[^<]{0,200}\bFORMULA(\.FILL)?\(/ nocase
    condition:
        filesize < 16MB and $sheet and any of ($f*)
}

rule xlm_starts_hidden {
    meta:
        author = "sluss"
        description = "A workbook that runs a macro sheet by itself and hides it"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1564/"
    strings:
        $open = "_xlnm.Auto_Open" nocase
        $hidden1 = /state\s{0,2}=\s{0,2}["'](veryHidden|hidden)["']/ nocase
    condition:
        filesize < 2MB and all of them
}

rule slk_runs_formula {
    meta:
        author = "sluss"
        description = "A SYLK file with formulas that run by themselves"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $id = "ID;P"
        $auto = "Auto_open" nocase
        $run = /;E[^\r\n]{0,120}(EXEC|CALL|REGISTER)\(/ nocase
    condition:
        filesize < 4MB and $id at 0 and $auto and $run
}

rule iqy_web_query {
    meta:
        author = "sluss"
        description = "A query file that makes Excel fetch its content from an address"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1105/"
    strings:
        $a = /WEB\r?\n1\r?\nhttps?:\/\// nocase
    condition:
        filesize < 64KB and $a at 0
}

rule office_mhtml_macros {
    meta:
        author = "sluss"
        description = "A document saved as a web archive to hide its macros"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        $a = "application/x-mso" nocase
        $b = "QWN0aXZlTWltZQ"
    condition:
        part_kind != "message" and filesize < 16MB and $a and $b
}

rule xll_add_in {
    meta:
        author = "sluss"
        description = "A program that Excel loads as an add-in"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1137/006/"
    strings:
        $export = "xlAutoOpen"
    condition:
        uint16(0) == 0x5A4D and filesize < 64MB and $export
}

rule xlm_macro_sheet {
    meta:
        author = "sluss"
        description = "A workbook with a macro sheet of Excel 4.0"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1059/005/"
    strings:
        $sheet = /<(xm:)?macrosheet\b/ nocase
        $title = "Excel 4.0 Macros"
    condition:
        filesize < 64MB and ($sheet in (0..1024) or (uint32be(0) == 0xD0CF11E0 and $title))
}

rule slk_starts_by_itself {
    meta:
        author = "sluss"
        description = "A SYLK file with a macro that runs by itself"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $id = "ID;P"
        $auto = /NN;NAuto_open/ nocase
    condition:
        filesize < 4MB and $id at 0 and $auto
}

rule ole_equation_command {
    meta:
        author = "sluss"
        description = "A document whose equation holds a command"
        severity = "malware"
        reference = "https://msrc.microsoft.com/update-guide/vulnerability/CVE-2017-11882"
    strings:
        $a = "Equation Native" wide
        $b1 = "mshta" nocase
        $b2 = "cmd /c" nocase
        $b3 = "cmd.exe" nocase
        $b4 = "powershell" nocase
        $b5 = "WinExec"
        $b6 = "URLDownloadToFile"
        $b7 = "ExpandEnvironmentStrings"
    condition:
        uint32be(0) == 0xD0CF11E0 and $a and any of ($b*)
}

rule rtf_list_view_exploit {
    meta:
        author = "sluss"
        description = "An RTF with the list control that old Word could not hold"
        severity = "malware"
        reference = "https://nvd.nist.gov/vuln/detail/CVE-2012-0158"
    strings:
        $a = "4d53436f6d63746c4c69622e4c697374566965774374726c" nocase
        $b = "4d53436f6d63746c4c69622e54726565566965774374726c" nocase
        $data = "objdata" nocase
    condition:
        uint32be(0) == 0x7B5C7274 and $data and any of ($a, $b)
}

rule flash_in_document {
    meta:
        author = "sluss"
        description = "A document with a Flash film in it"
        severity = "suspicious"
        reference = "https://nvd.nist.gov/vuln/detail/CVE-2018-4878"
    strings:
        $a = "ShockwaveFlash.ShockwaveFlash" ascii wide
        $b = "d27cdb6e-ae6d-11cf-96b8-444553540000" nocase ascii wide
    condition:
        uint32be(0) == 0xD0CF11E0 and any of ($a, $b)
}

rule slide_starts_program {
    meta:
        author = "sluss"
        description = "A slide that starts a program when it is touched"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $a = "ppaction://program" nocase
        $b = /Target\s{0,2}=\s{0,2}["'][^"'>]{0,200}(powershell|cmd\.exe|mshta|wscript|cscript|rundll32)/ nocase
    condition:
        filesize < 16MB and any of them
}

rule outlook_reminder_elsewhere {
    meta:
        author = "sluss"
        description = "An Outlook item whose reminder sound lies on another machine: it gives away the log-in"
        severity = "malware"
        reference = "https://msrc.microsoft.com/update-guide/vulnerability/CVE-2023-23397"
    strings:
        $id = { 1F 85 00 00 }
        $path = /\\\x00\\\x00[0-9]\x00([0-9]\x00){0,2}\.\x00([0-9]\x00){1,3}\.\x00([0-9]\x00){1,3}\.\x00([0-9]\x00){1,3}[@\\]\x00/
    condition:
        (uint32(0) == 0x223E9F78 or uint32be(0) == 0xD0CF11E0) and filesize < 32MB and all of them
}

rule activex_runs_shell {
    meta:
        author = "sluss"
        description = "A page or document with a control that starts programs"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1203/"
    strings:
        $a = "72C24DD5-D70A-438B-8A42-98424B88AFB8" nocase
        $b = "13709620-C279-11CE-A49E-444553540000" nocase
        $c = "F935DC22-1CF0-11D0-ADB9-00C04FD58A0B" nocase
        $tag = /<object\b/ nocase
        $ocx = "<ax:ocx" nocase
    condition:
        file_of_its_own and filesize < 4MB and any of ($a, $b, $c) and any of ($tag, $ocx)
}
